// Listening addresses, and how they appear in URLs. Runs anywhere; pure.

/** True for an address that stands for all addresses of the machine: it can be listened on, but not connected to. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Returns `127.0.0.1:7400` or `[::1]:7400`; for a wildcard address, `localhost` with the port. */
export function authorityOf(host: string, port: number): string {
  const reachable = isWildcard(host) ? 'localhost' : host
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** Returns the scheme of the url by which clients reach a broker. */
export function schemeOf({ tlsDir }: { readonly tlsDir?: string | undefined }): 'millrace' | 'millraces' {
  return tlsDir === undefined ? 'millrace' : 'millraces'
}
