// Looks at the certificates of authorities before they are used. Runs in the client, pure. OpenSSL passes over what it cannot read in
// such a text, and then trusts nobody: the broker, of all things, would be said to be the one that cannot be trusted.
import { X509Certificate } from 'node:crypto'

const BEGIN = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g

/**
 * Returns what is wrong with the text, as the end of a sentence that begins with its name: that it holds no certificate in PEM, or that
 * one of them is cut off or damaged; undefined if nothing is.
 */
export function findAuthorityFault(pem: string): string | undefined {
  const starts = [...pem.matchAll(BEGIN)].map(({ index }) => index)
  if (starts.length === 0) return 'holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----'
  for (const [i, start] of starts.entries()) {
    try {
      new X509Certificate(pem.slice(start, starts[i + 1]))
    } catch {
      return `holds a certificate that is damaged or cut off: number ${i + 1} of ${starts.length}`
    }
  }
  return undefined
}
