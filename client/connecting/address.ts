// Addresses of brokers, and the url that names them: millrace://host:port[,host:port…]. Runs in the client, pure.
// Several addresses name one broker, and the client tries them in turn.
import { MillraceError } from '../../protocol/millrace-error.ts'

/** Where a process listens. */
export interface Address {
  /** Name or IP address; an IPv6 address has no brackets. */
  readonly host: string
  /** From 1 to 65535. */
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

const SCHEME = 'millrace://'
const EXAMPLE = 'millrace://127.0.0.1:7400'

/** Returns the addresses of a url, in its order. Throws `invalidArgument` that quotes the faulty part. */
export function parseUrl(url: string): readonly Address[] {
  if (!url.startsWith(SCHEME)) throw refuse(url, `it must begin with ${SCHEME}`)
  const authority = url.slice(SCHEME.length).replace(/\/$/, '')
  if (authority === '') throw refuse(url, 'it names no host')
  return authority.split(',').map((part) => parseAddress(url, part))
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
  return new MillraceError(
    'invalidArgument',
    `${JSON.stringify(url)} is not a broker's url: ${reason}. Write for example ${EXAMPLE}.`,
  )
}
