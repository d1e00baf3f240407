// What a call was refused with.
import { MillraceError } from '../../protocol/millrace-error.ts'

/** The MillraceError that `work` throws; anything else is thrown on. */
export function refusalOf(work: () => unknown): MillraceError {
  try {
    work()
  } catch (error) {
    if (MillraceError.is(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}
