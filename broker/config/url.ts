// How a listening address reads in a url. Runs wherever one is shown.

/** `127.0.0.1:7400`, `[::1]:7400`; for a wildcard address, what reaches it from this machine. */
export function authorityOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
