// The only place where the client reads the process environment: the broker's url, for programs that give none, and the files by
// which it is reached. A test checks that names and default are those of the option table (docs/configuration.md).
import { MillraceError } from '../protocol/millrace-error.ts'
import { tlsFiles, tokenFile } from './connecting/credential-files.ts'
import type { GiveToken } from './connecting/token.ts'
import type { AskTls } from './connecting/tls-transport.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What the environment says of the broker. */
export interface NamedBroker {
  readonly url: string
  readonly tls?: AskTls
  readonly token?: string | GiveToken
}

/**
 * Returns the broker that the environment names, `MILLRACE_URL`, or that of this machine at the default port, with the files and
 * the token that it names. Throws `invalidArgument` if they contradict each other.
 */
export function brokerOfEnvironment(environment: Environment = process.env): NamedBroker {
  const names = ['URL', 'CA', 'CERT', 'CERT_KEY', 'TOKEN', 'TOKEN_FILE']
  const [url, ca, cert, key, token, path] = names.map(
    // An empty variable counts as none.
    (name) => environment[`MILLRACE_${name}`] || undefined,
  )
  if ((cert === undefined) !== (key === undefined)) {
    throw new MillraceError('invalidArgument', 'MILLRACE_CERT and MILLRACE_CERT_KEY are a pair: set both.')
  }
  if (token !== undefined && path !== undefined) {
    throw new MillraceError(
      'invalidArgument',
      'MILLRACE_TOKEN and MILLRACE_TOKEN_FILE exclude each other: unset one of them.',
    )
  }
  const isSecure = url?.startsWith('millraces://') === true
  const isCertified = ca !== undefined || cert !== undefined
  return {
    url: url ?? 'millrace://127.0.0.1:7400',
    ...(isSecure && isCertified ? { tls: tlsFiles({ ca, cert, key }) } : {}),
    ...(token === undefined ? {} : { token }),
    ...(path === undefined ? {} : { token: tokenFile(path) }),
  }
}
