// The errors of the client. There is one class, MillraceError, told apart by `code`; what a code means is in the
// protocol's table, and nothing here adds to it. Runs in the client, pure.
import { MillraceError } from '../protocol/millrace-error.ts'

export { MillraceError } from '../protocol/millrace-error.ts'
export type { ErrorCode, Retry, SideEffects } from '../protocol/error-codes.ts'

export function closedError(what: string): MillraceError {
  return new MillraceError('closed', `${what} was closed.`)
}

/** A text with a full stop, whether it came with one or not: a message that ends in another ends in that one's. */
export function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Any thrown value as an Error, to be somebody's cause. */
export function errorFrom(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** Any thrown value as a MillraceError. What is not one came from a defect: `internal`, the most careful of meanings. */
export function asMillraceError(thrown: unknown): MillraceError {
  if (MillraceError.is(thrown)) return thrown
  return new MillraceError('internal', `The client failed: ${errorFrom(thrown).message}`, { cause: thrown })
}
