// A certificate in files that are renewed while the endpoint runs. Runs in the endpoint.
import { readFile } from 'node:fs/promises'
import type { EndpointLog } from '../parts.ts'
import type { Certificate } from './listener.ts'

/** Where the certificate chain and the private key are, in PEM. */
export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** How often the files are looked at. */
const LOOK_EVERY_MS = 60_000

export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
  return { cert, key }
}

/** Looks for a renewed certificate now and then, until it is closed. */
export class RenewedCertificate {
  readonly #files: CertificateFiles
  readonly #renew: (certificate: Certificate) => void
  readonly #log: EndpointLog
  readonly #timer: NodeJS.Timeout
  #known: Certificate

  constructor(options: {
    readonly files: CertificateFiles
    /** What the files held. */
    readonly known: Certificate
    /** Takes a certificate into use. May throw where it is none. */
    readonly renew: (certificate: Certificate) => void
    readonly log: EndpointLog
  }) {
    this.#files = options.files
    this.#known = options.known
    this.#renew = options.renew
    this.#log = options.log
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref()
  }

  /** Reads the files, and takes into use what has changed. What cannot be used is logged: the one in use stays. */
  async look(): Promise<void> {
    try {
      const found = await readCertificate(this.#files)
      if (same(found.cert, this.#known.cert) && same(found.key, this.#known.key)) return
      this.#renew(found)
      this.#known = found
      this.#log({ level: 'info', message: 'The certificate was renewed.' })
    } catch (error) {
      this.#log({ level: 'warn', message: 'The certificate cannot be renewed.', error })
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

function same(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return Buffer.from(a).equals(Buffer.from(b))
}
