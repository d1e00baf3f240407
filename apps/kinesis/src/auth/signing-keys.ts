// Keys that verify signatures, remembered for some seconds. Runs in the endpoint.
// A key is asked for anew so often that one that was revoked stops within seconds; that nobody has a key is remembered as long, and
// only so many are asked for at a time, so that a flood of made-up ones asks the broker little.
import { KinesisError } from '../model/errors.ts'
import type { CredentialScope } from './authorization.ts'
import type { VerifyingKey } from './verify-signature.ts'

export interface SigningKeysOptions {
  /** Asks the broker; undefined where nobody has the key. */
  readonly ask: (scope: CredentialScope) => Promise<VerifyingKey | undefined>
  /** Monotonic milliseconds. */
  readonly elapsed: () => number
}

interface Remembered {
  readonly key: Promise<VerifyingKey | undefined>
  readonly since: number
}

/** How long an answer of the broker counts. */
export const FRESH_MS = 5000
const REMEMBERED_MAX = 4096
/** Questions to the broker at a time. */
export const ASKED_MAX = 64

export class SigningKeys {
  readonly #options: SigningKeysOptions
  readonly #remembered = new Map<string, Remembered>()
  #asked = 0

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** The key of a scope; undefined where nobody has it. Fails with ServiceUnavailableException where too many are asked for. */
  of(scope: CredentialScope): Promise<VerifyingKey | undefined> {
    const name = [scope.accessKeyId, scope.date, scope.region, scope.service].join('/')
    const now = this.#options.elapsed()
    const known = this.#remembered.get(name)
    if (known !== undefined && now - known.since < FRESH_MS) return known.key
    this.#remembered.delete(name)
    const key = this.#ask(scope)
    this.#remembered.set(name, { key, since: now })
    // A question that failed is no answer.
    key.catch(() => {
      if (this.#remembered.get(name)?.key === key) this.#remembered.delete(name)
    })
    // The first is the one that was asked for the longest ago.
    for (const [oldest] of this.#remembered) {
      if (this.#remembered.size <= REMEMBERED_MAX) break
      this.#remembered.delete(oldest)
    }
    return key
  }

  async #ask(scope: CredentialScope): Promise<VerifyingKey | undefined> {
    if (this.#asked >= ASKED_MAX) {
      throw new KinesisError('ServiceUnavailableException', 'The endpoint is asked for too many access keys.')
    }
    this.#asked += 1
    try {
      return await this.#options.ask(scope)
    } finally {
      this.#asked -= 1
    }
  }
}
