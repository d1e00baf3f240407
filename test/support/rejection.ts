// The outcome of a promise that a broker settles: an answer, or an error with a code. Runs in the test's process.
import { type ErrorCode, MillraceError } from '../../protocol/index.ts'

/** The MillraceError that the promise rejects with. Any other outcome fails the test. */
export async function rejectionOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => 'an answer',
    (reason: unknown) => reason,
  )
  if (!MillraceError.is(error)) throw new Error(`expected a MillraceError, got ${String(error)}`)
  return error
}

/** The outcome of a request in one word, for comparisons. */
export async function outcomeOf(promise: Promise<unknown>): Promise<'answered' | ErrorCode> {
  try {
    await promise
    return 'answered'
  } catch (error) {
    if (MillraceError.is(error)) return error.code
    throw error
  }
}
