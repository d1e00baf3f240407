// How a thread of a pool answers a task that it refuses. Both ends: an error that crosses threads keeps nothing but its
// message, so a refusal crosses as data and is thrown where the task came from.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { revived } from '../channels/failure.ts'

export interface TaskRefusal {
  readonly code: ErrorCode
  readonly message: string
}

/** In the thread: what `work` gives, or its refusal. Other errors are thrown. */
export async function answerOf<T>(work: () => Promise<T>): Promise<T | TaskRefusal> {
  try {
    return await work()
  } catch (error) {
    if (MillraceError.is(error)) return { code: error.code, message: error.message }
    throw error
  }
}

/** Where the task came from: the answer, unless it is a refusal. */
export function resultOf<T extends object>(answer: T | TaskRefusal): T {
  if (isRefusal(answer)) throw revived(answer)
  return answer
}

function isRefusal(answer: object): answer is TaskRefusal {
  return 'code' in answer
}
