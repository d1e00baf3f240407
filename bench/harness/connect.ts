// Connects the clients of the bench: plainly, or by TLS and with a token where the broker speaks TLS. Runs in every process of
// the bench. The files are named by the environment, which load processes inherit.
import { connect as connectClient, type Client, type ConnectOptions } from '../../client/index.ts'
import { brokerOfEnvironment } from '../../client/environment.ts'

/** Environment of a broker with TLS: its authority, and the token of root. */
export function reachBy(files: { readonly ca: string; readonly tokenFile: string }): void {
  process.env['MILLRACE_CA'] = files.ca
  process.env['MILLRACE_TOKEN_FILE'] = files.tokenFile
}

/** Options of `connect` for a broker of the bench. */
export function reachOf(url: string): ConnectOptions {
  if (!url.startsWith('millraces://')) return {}
  const { url: _, ...options } = brokerOfEnvironment({ ...process.env, MILLRACE_URL: url })
  return options
}

export function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  return connectClient(url, { ...reachOf(url), ...options })
}
