// How a listening address reads in a url. Runs wherever one is shown.

/** Stands for all addresses of the machine, and can be listened on but not connected to. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** `127.0.0.1:7400`, `[::1]:7400`; for a wildcard address, what reaches it from this machine. */
export function authorityOf(host: string, port: number): string {
  const reachable = isWildcard(host) ? 'localhost' : host
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** True for addresses that only this machine reaches. A name other than `localhost` may be anywhere. */
export function isLoopback(host: string): boolean {
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) || host === '::1' || host === 'localhost'
}
