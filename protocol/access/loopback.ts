// Says which addresses only this machine reaches: what is secret may travel to them in plain text. Runs anywhere, pure.

/**
 * True for addresses that only this machine reaches, an IPv4 address in IPv6 form among them. Of names only `localhost`: any other
 * may lead to any address.
 */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^::ffff:/i, '')
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address) || host === '::1' || host === 'localhost'
}
