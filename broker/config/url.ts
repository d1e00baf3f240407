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
