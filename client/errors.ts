// The errors of the client. There is one class, MillraceError. Errors differ by `code`, whose meaning is in the protocol's table.
// Runs in the client, pure.
import { MillraceError } from '../protocol/millrace-error.ts'

export { MillraceError, type AppendAttempt, type ErrorJson } from '../protocol/millrace-error.ts'
export type { ErrorCode, Retry, SideEffects } from '../protocol/error-codes.ts'

export function closedError(what: string): MillraceError {
  return new MillraceError('closed', `${what} was closed.`)
}

/** Makes the error for an answer that no sound broker gives. The sentence says what is contradictory, or does not advance. */
export function invalidAnswer(sentence: string, cause?: unknown): MillraceError {
  return new MillraceError('invalidAnswer', sentence, cause === undefined ? {} : { cause })
}

/** Returns a text with one full stop at its end, for a message that ends in another message. */
export function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Turns any thrown value into an Error, to be the cause of another. Never throws: an application may throw anything. */
export function errorFrom(thrown: unknown): Error {
  try {
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  } catch {
    return new Error('A value was thrown that has no text.')
  }
}

/** Turns any thrown value into a MillraceError. Other errors come from defects, and become `internal`, the safest code. */
export function asMillraceError(thrown: unknown): MillraceError {
  if (MillraceError.is(thrown)) return thrown
  return new MillraceError('internal', `The client failed: ${errorFrom(thrown).message}`, { cause: thrown })
}
