// Keys that verify signatures, remembered for some seconds. Runs in the endpoint.
// A key is asked for anew so often that one that was revoked stops within seconds; that nobody has a key is remembered as long, and
// only so many are asked for at a time, so that a flood of made-up ones asks the broker little. Keys that somebody has are kept and
// asked for apart from the others: a flood neither displaces them nor stands before them.
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
/** Keys that somebody has, and as many that nobody has or of which it is not known yet. */
export const REMEMBERED_MAX = 4096
/** Questions to the broker at a time, about keys of which it is not known that somebody has them. */
export const ASKED_MAX = 64

export class SigningKeys {
  readonly #options: SigningKeysOptions
  /** Keys that somebody had when they were last asked for. */
  readonly #held = new Map<string, Remembered>()
  readonly #others = new Map<string, Remembered>()
  #asked = 0

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** The key of a scope; undefined where nobody has it. Fails with ServiceUnavailableException where too many are asked for. */
  of(scope: CredentialScope): Promise<VerifyingKey | undefined> {
    const name = [scope.accessKeyId, scope.date, scope.region, scope.service].join('/')
    const now = this.#options.elapsed()
    const held = this.#held.get(name)
    const known = held ?? this.#others.get(name)
    if (known !== undefined && now - known.since < FRESH_MS) return known.key
    const key = held === undefined ? this.#askBounded(scope) : this.#options.ask(scope)
    const asked = { key, since: now }
    remember(held === undefined ? this.#others : this.#held, name, asked)
    void this.#settle(name, asked)
    return key
  }

  /** Puts an answer where it belongs. */
  async #settle(name: string, asked: Remembered): Promise<void> {
    let isHeld: boolean | undefined
    try {
      isHeld = (await asked.key) !== undefined
    } catch {
      // A question that failed is no answer: the next request asks again.
    }
    const kept = this.#held.get(name) === asked ? this.#held : this.#others
    if (kept.get(name) !== asked) return
    if (isHeld === undefined) {
      if (kept === this.#others) kept.delete(name)
      // That somebody had the key is still known.
      else kept.set(name, { ...asked, since: -Infinity })
      return
    }
    kept.delete(name)
    remember(isHeld ? this.#held : this.#others, name, asked)
  }

  async #askBounded(scope: CredentialScope): Promise<VerifyingKey | undefined> {
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

/** Makes it the last of a bounded map: the first is the one that was asked for the longest ago. */
function remember(kept: Map<string, Remembered>, name: string, asked: Remembered): void {
  kept.delete(name)
  kept.set(name, asked)
  for (const [oldest] of kept) {
    if (kept.size <= REMEMBERED_MAX) break
    kept.delete(oldest)
  }
}
