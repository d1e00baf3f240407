// When tokens and access keys were last used, as far as that is not stored yet. Runs in the controller; pure. It is stored at most
// once a minute for each, however often they are used.
import type { AccessState, AccessWrite, CredentialFamily } from './state.ts'

/** What is stored may be older than this; with the time until a use is told, it is right to within a minute. */
export const STORE_EVERY_MS = 40_000

export class UseTimes {
  readonly #used = { token: new Map<string, number>(), accessKey: new Map<string, number>() }

  add(family: CredentialFamily, id: string, usedAt: number): void {
    const known = this.#used[family].get(id) ?? 0
    if (usedAt > known) this.#used[family].set(id, usedAt)
  }

  /** Returns when a credential was last used; `stored` is what its row says. */
  lastOf(family: CredentialFamily, id: string, stored: number | undefined): number | undefined {
    return this.#used[family].get(id) ?? stored
  }

  /** Returns the writes of what is newer by `olderMs` than what is stored, and forgets what needs none any more. */
  due(state: AccessState, olderMs: number): readonly AccessWrite[] {
    const writes: AccessWrite[] = []
    for (const family of ['token', 'accessKey'] as const) {
      for (const [id, usedAt] of this.#used[family]) {
        const row = state[family].get(id)
        const stored = row?.lastUsedAt
        if (row === undefined || (stored !== undefined && stored >= usedAt)) this.#used[family].delete(id)
        else if (stored === undefined || usedAt - stored >= olderMs) {
          writes.push({ family, key: id, value: { ...row, lastUsedAt: usedAt } } as AccessWrite)
        }
      }
    }
    return writes
  }
}
