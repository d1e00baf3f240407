// Checks names of principals. Runs anywhere, pure.
import { limits } from '../limits.ts'
import { checkPlainName } from '../text/plain-name.ts'

/** The principal that may do everything. It is always there, and keeps that grant. */
export const ROOT = 'root'

/** Returns a sentence that says what is wrong with the name, or undefined if it is valid. */
export function checkPrincipalName(name: string): string | undefined {
  return checkPlainName('a principal', name, limits.principalNameLengthMax)
}
