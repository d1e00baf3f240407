// Tells the end that was asked for from a failure. Pure.
import { MillraceError } from 'millrace'

/** Whether work ended because it was told to. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || MillraceError.is(error, 'aborted'))
}
