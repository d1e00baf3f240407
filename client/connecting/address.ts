// Addresses of brokers, and the url that names them: millrace://host:port[,host:port…], or millraces:// for TLS. Runs in the
// client, pure. Several addresses name one broker, and the client tries them in turn; they share the scheme of the url.
import { MillraceError } from '../../protocol/millrace-error.ts'

/** Where a process listens. */
export interface Address {
  /** Name or IP address; an IPv6 address has no brackets. */
  readonly host: string
  /** From 1 to 65535; 0 stands for the controller of a broker in this process, which has its own `dial`. */
  readonly port: number
}

/** One process of the broker: its address and its number. Another process may listen on the port of a host that ended. */
export interface Endpoint extends Address {
  /** `CONTROLLER`, or the number of the host. */
  readonly hostId: number
}

/** The host id that the controller gives itself in hello. */
export const CONTROLLER = 0

export const DEFAULT_PORT = 7400

const PLAIN_SCHEME = 'millrace://'
const TLS_SCHEME = 'millraces://'
const EXAMPLE = 'millrace://127.0.0.1:7400'

/** What a url says. */
export interface BrokerUrl {
  /** True for `millraces://`: every process of the broker is reached by TLS. */
  readonly isSecure: boolean
  /** Addresses of the controller, in the order of the url; there is at least one. */
  readonly addresses: readonly Address[]
}

/** Reads a url. Throws `invalidArgument` that quotes the faulty part. */
export function parseUrl(url: string): BrokerUrl {
  const scheme = [PLAIN_SCHEME, TLS_SCHEME].find((known) => url.startsWith(known))
  if (scheme === undefined) throw refuse(url, `it must begin with ${PLAIN_SCHEME} or ${TLS_SCHEME}`)
  const authority = url.slice(scheme.length).replace(/\/$/, '')
  if (authority.includes('@'))
    throw refuse(url, 'it has no room for names and passwords; give a token beside it')
  if (authority === '') throw refuse(url, 'it names no host')
  const addresses = authority.split(',').map((part) => parseAddress(url, part))
  return { isSecure: scheme === TLS_SCHEME, addresses }
}

function parseAddress(url: string, text: string): Address {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.%]+)\]|(?<name>[^\s:/?#@[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text)
  if (match?.groups === undefined) throw refuse(url, `${JSON.stringify(text)} is not host:port`)
  const port = match.groups.port === undefined ? DEFAULT_PORT : Number(match.groups.port)
  if (port > 65_535) throw refuse(url, `port ${port} is above 65535`)
  return { host: match.groups.v6 ?? match.groups.name!, port }
}

/** Returns the key of a process, under which callers share its connection. */
export function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.hostId}@${addressText(endpoint)}`
}

/** Returns host:port, as logs and messages show it. */
export function addressText(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

function refuse(url: string, reason: string): MillraceError {
  // What stands before an @ may be a password.
  const shown = JSON.stringify(url.replace(/^([a-z]*:\/\/)?.*@/i, '$1***@'))
  return new MillraceError(
    'invalidArgument',
    `${shown} is not a broker's url: ${reason}. Write for example ${EXAMPLE}.`,
  )
}
