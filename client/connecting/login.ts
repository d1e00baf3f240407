// How a client says who it is on a new connection: by its token, and maybe as another principal. Runs in the client.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { quoteText } from '../../protocol/text/text.ts'
import type { Settings } from '../settings.ts'
import { unlessAborted } from '../waiting.ts'
import { addressText, type Address, type Endpoint } from './address.ts'
import type { Connection } from './connection.ts'
import { checkTokenMayTravel } from './token.ts'

/** Returns the token to send to the process; undefined for none. */
export async function tokenFor(
  endpoint: Endpoint,
  { token, tls, hasOwnDial }: Settings,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (token === undefined) return undefined
  if (!hasOwnDial && tls === undefined) checkTokenMayTravel(endpoint)
  return unlessAborted(token(), signal)
}

/** Sends the token. Rejects with what the broker refuses, and with `permissionDenied` where it does not act as the wanted principal. */
export async function logIn(
  connection: Pick<Connection, 'request'> & { readonly address: Address },
  token: string,
  { actAs }: Pick<Settings, 'actAs'>,
  signal: AbortSignal,
): Promise<void> {
  const { principal } = await unlessAborted(connection.request('authenticate', { token, actAs }), signal)
  if (actAs === undefined || principal === actAs) return
  // An older broker does not know the field, and would do everything for somebody who was meant to do little.
  const message =
    `${addressText(connection.address)} does not act as ${quoteText(actAs)}: it serves this connection as ` +
    `${quoteText(principal)}. It may be an older version.`
  throw new MillraceError('permissionDenied', message)
}
