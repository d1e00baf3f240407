// The number of a session's network address, by which producers are counted. Host main thread, pure.
// Ports do not count, nor do the lower 64 bits of an IPv6 address, because one client may have all of those.
import { createHash } from 'node:crypto'

/** Returns a number below 2^48 that all sessions of one address share. `remote` is the peer's address, as the server gives it. */
export function addressNumberOf(remote: string): number {
  return createHash('sha256').update(addressOf(remote)).digest().readUIntBE(0, 6)
}

function addressOf(remote: string): string {
  const v6 = /^\[([^\]]*)\]/.exec(remote)?.[1]
  if (v6 === undefined) return remote.replace(/:\d+$/, '')
  // The address of an IPv4 client on a socket that listens for both.
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(v6)?.[1]
  return v4 ?? networkOf(v6)
}

/** Returns the first four groups of an IPv6 address, written in full. */
function networkOf(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length)
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest].slice(0, 4).join(':').toLowerCase()
}
