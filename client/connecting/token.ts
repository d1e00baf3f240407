// The token by which the client says who it is: given once, or asked for at each dial. Runs in the client. Its text is in no error
// and in no inspected object: it is held by a function alone.
import { isLoopback } from '../../protocol/access/loopback.ts'
import { parseToken } from '../../protocol/access/token.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { addressText, type Address } from './address.ts'

/** Returns the token to use. Asked at each dial, so that a token can be replaced without a restart. */
export type GiveToken = () => string | Promise<string>

/** Returns the function to ask for the token, which checks what the application gives. Throws `invalidArgument`. */
export function askToken(token: string | GiveToken | undefined): (() => Promise<string>) | undefined {
  if (token === undefined) return undefined
  if (typeof token === 'function')
    return async () => checked('What the function token returned', await token())
  const text = checked('token', token)
  return () => Promise.resolve(text)
}

function checked(what: string, given: unknown): string {
  const text = typeof given === 'string' ? given.trim() : ''
  if (parseToken(text) !== undefined) return text
  // Not quoted: it may be a token with a slip of the pen.
  throw new MillraceError('invalidArgument', `${what} is no token: one reads mr_<id>_<secret>.`)
}

/** Throws `invalidArgument` where a token would travel in plain text to another machine. */
export function checkTokenMayTravel(address: Address): void {
  if (isLoopback(address.host)) return
  const message =
    `A token is not sent to ${addressText(address)} in plain text, which others on the way could read: ` +
    'connect by millraces://.'
  throw new MillraceError('invalidArgument', message)
}
