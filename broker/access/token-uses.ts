// When each token was last used, for lists of tokens. Runs in every process that listens; pure. The controller collects the uses
// now and then: a request costs nothing.
import type { Identity } from './identity.ts'

export interface TokenUse {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly usedAt: number
}

export class TokenUses {
  #uses = new Map<string, number>()

  add(id: string, usedAt: number): void {
    this.#uses.set(id, usedAt)
  }

  /** Returns the uses since the last call, and now those of sessions that are open. */
  take(open: Iterable<{ readonly identity: Identity }>, now: number): readonly TokenUse[] {
    for (const { identity } of open) if (identity.token !== undefined) this.add(identity.token.id, now)
    const uses = this.#uses
    this.#uses = new Map()
    return Array.from(uses, ([id, usedAt]) => ({ id, usedAt }))
  }
}
