// A number for the network address that a session comes from, to count by. Host main thread, pure.
// Ports are left out, and so are the lower 64 bits of an IPv6 address: one client has all of those.
import { createHash } from 'node:crypto'

/** The same for all sessions of one address, and below 2^48. `remote` is what the server calls the peer. */
export function addressNumberOf(remote: string): number {
  return createHash('sha256').update(addressOf(remote)).digest().readUIntBE(0, 6)
}

function addressOf(remote: string): string {
  const v6 = /^\[([^\]]*)\]/.exec(remote)?.[1]
  if (v6 === undefined) return remote.replace(/:\d+$/, '')
  // An IPv4 client of a socket that listens for both.
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(v6)?.[1]
  return v4 ?? networkOf(v6)
}

/** The first four groups of an IPv6 address, as they would be written in full. */
function networkOf(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length)
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest].slice(0, 4).join(':').toLowerCase()
}
