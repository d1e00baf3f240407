// A certificate in files that are renewed while an app listens. Runs in the process of an app.
import { readFile } from 'node:fs/promises'

/** A certificate chain and its private key, in PEM. */
export interface Certificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

/** Where the certificate chain and the private key are, in PEM. */
export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** Reads a certificate. Rejects where a file cannot be read. */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
  return { cert, key }
}

export interface RenewedCertificateOptions {
  readonly files: CertificateFiles
  /** What the files held. */
  readonly known: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array }
  /** Takes a certificate into use. May throw where it is none. */
  readonly renew: (certificate: Certificate) => void
  /** Hears why what the files hold cannot be used: the certificate in use stays. */
  readonly onFault: (error: unknown) => void
}

/** How often the files are looked at. */
const LOOK_EVERY_MS = 60_000

/** Looks for a renewed certificate now and then, until it is closed. */
export class RenewedCertificate {
  readonly #options: RenewedCertificateOptions
  readonly #timer: NodeJS.Timeout
  #known: RenewedCertificateOptions['known']

  constructor(options: RenewedCertificateOptions) {
    this.#options = options
    this.#known = options.known
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref()
  }

  /** Reads the files, and takes into use what has changed. Never rejects. */
  async look(): Promise<void> {
    const { files, renew, onFault } = this.#options
    try {
      const found = await readCertificate(files)
      if (isSame(found.cert, this.#known.cert) && isSame(found.key, this.#known.key)) return
      renew(found)
      this.#known = found
    } catch (error) {
      onFault(error)
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

function isSame(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return Buffer.from(a).equals(Buffer.from(b))
}
