// Which network address stands for all connections of one client. Runs in every process that listens; pure.
// Ports do not count, nor do the lower 64 bits of an IPv6 address, because one client may have all of those.

/** Returns the address that a client's connections share. `remote` is the peer's address, with its port or without. */
export function sourceOf(remote: string): string {
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

/** Returns a peer's address without its port, and without the brackets of an IPv6 address. */
export function hostOf(remote: string): string {
  return remote.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}
