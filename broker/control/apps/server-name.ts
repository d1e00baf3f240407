// By which name an app knows the broker's certificate. Runs in the controller; pure.
import { X509Certificate } from 'node:crypto'

/**
 * Returns the name that a client must ask for, where the certificate is not for the host of the url: the app reaches the broker by
 * an address of this machine, and the certificate may have only the name by which others do. All ports show the same certificate.
 */
export function serverNameOf(cert: string, host: string): string | undefined {
  const certificate = new X509Certificate(cert)
  // A name is refused by the check of addresses, and an address is found by the check of names nowhere.
  const isAddress = /^[\d.]+$|:/.test(host)
  if ((isAddress ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined) return undefined
  const names = certificate.subjectAltName?.split(', ') ?? []
  const exact = names.flatMap((name) => /^(?:DNS|IP Address):([^*]+)$/.exec(name)?.[1] ?? [])
  // A wildcard is for every name below it.
  return (
    exact[0] ?? names.flatMap((name) => /^DNS:\*(\..+)$/.exec(name)?.[1] ?? []).map((rest) => `app${rest}`)[0]
  )
}
