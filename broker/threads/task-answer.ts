// How a pool's thread answers a refused task. Runs on both ends. An error that crosses threads keeps only its message,
// so a refusal crosses as data and is thrown again on the caller's side.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { revived } from '../channels/failure.ts'

export interface TaskRefusal {
  readonly code: ErrorCode
  readonly message: string
}

/** On the pool's thread: returns the result of `work`, or its refusal as data. Rethrows other errors. */
export async function answerOf<T>(work: () => Promise<T>): Promise<T | TaskRefusal> {
  try {
    return await work()
  } catch (error) {
    if (MillraceError.is(error)) return { code: error.code, message: error.message }
    throw error
  }
}

/** On the caller's side: returns the result, or throws the refusal. */
export function resultOf<T extends object>(answer: T | TaskRefusal): T {
  if (isRefusal(answer)) throw revived(answer)
  return answer
}

function isRefusal(answer: object): answer is TaskRefusal {
  return 'code' in answer
}
