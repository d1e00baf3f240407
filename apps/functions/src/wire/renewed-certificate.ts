// The certificate in the files that a task names, which are renewed while the app runs. Runs in the app.
import { readFile } from 'node:fs/promises'
import type { Certificate } from './invoke-port.ts'

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

export interface RenewalParts {
  readonly files: CertificateFiles
  /** What the files held. */
  readonly known: Certificate
  /** Takes a certificate into use. May throw where it is none. */
  readonly renew: (certificate: Certificate) => void
  readonly every: (ms: number, run: () => void) => () => void
  readonly tell: (message: string, error: unknown) => void
}

/** Looks for a renewed certificate now and then. What cannot be used is told: the one in use stays. Returns what ends it. */
export function renewCertificate({ files, known, renew, every, tell }: RenewalParts): () => void {
  let inUse = known
  const look = async (): Promise<void> => {
    try {
      const found = await readCertificate(files)
      if (same(found.cert, inUse.cert) && same(found.key, inUse.key)) return
      renew(found)
      inUse = found
    } catch (error) {
      tell('The certificate cannot be renewed.', error)
    }
  }
  return every(LOOK_EVERY_MS, () => void look())
}

function same(a: string | Buffer, b: string | Buffer): boolean {
  return Buffer.from(a).equals(Buffer.from(b))
}
