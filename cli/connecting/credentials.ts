// What a verb shows to the broker: the options of `connect` that its target asks for. Files are read by the client, at each dial.
import type { ConnectOptions } from '../../client/index.ts'
import type { Target } from './resolve.ts'

/** Returns the options of `connect` for the certificates of the target. The client is loaded only here. */
export async function credentialsOf({ tls }: Target): Promise<ConnectOptions> {
  const paths = { ca: tls.ca?.value, cert: tls.cert?.value, key: tls.certKey?.value }
  if (Object.values(paths).every((path) => path === undefined)) return {}
  const { tlsFiles } = await import('../../client/index.ts')
  return { tls: tlsFiles(paths) }
}
