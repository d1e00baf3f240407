// Certificates for tests, made in memory by what `millrace tls` uses: an authority, and certificates that it signs.
import { makeAuthority, makeCertificate, type KeyedCertificate } from '../../cli/tls/certificates.ts'

const DAY_MS = 86_400_000

/** From `from` days after today to `to` days after today. */
function days(from: number, to: number) {
  const at = (day: number) => new Date(Date.now() + day * DAY_MS)
  return { notBefore: at(from), notAfter: at(to) }
}

export interface CertificateChoices {
  /** Days after today on which it ends; below 0 for one that has expired. */
  readonly endsAfterDays?: number
  readonly purpose?: 'server' | 'client'
}

/** An authority that signs what a test asks for. */
export class TestAuthority {
  readonly #pair: KeyedCertificate

  private constructor(pair: KeyedCertificate) {
    this.#pair = pair
  }

  static async make(): Promise<TestAuthority> {
    return new TestAuthority(await makeAuthority(days(-60, 60)))
  }

  /** Its certificate, in PEM. */
  get ca(): string {
    return this.#pair.cert
  }

  /** The authority's own pair, which is a self-signed certificate. */
  get pair(): KeyedCertificate {
    return this.#pair
  }

  sign(names: readonly string[], choices: CertificateChoices = {}): Promise<KeyedCertificate> {
    const { endsAfterDays = 30, purpose = 'server' } = choices
    return makeCertificate(this.#pair, { names, purpose, validity: days(-40, endsAfterDays) })
  }
}
