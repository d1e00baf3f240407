// The accounts of a process: one for each principal and each address with open sessions, and a bounded number of those that had
// some before. Runs in every process that listens; pure but for the clock that it is given. An account that comes back finds
// its rates as it left them: a client gains nothing by a new connection.
import type { Clock } from '../../time.ts'
import { Account, keyOf } from './account.ts'
import {
  noQuotaSettings,
  quotaNames,
  quotasOfAddress,
  quotasOfPrincipal,
  type QuotaName,
  type QuotaSettings,
  type QuotaValues,
} from './quotas.ts'

/** Accounts without sessions that are remembered. */
const IDLE_MAX = 4096

export interface AccountsOptions {
  readonly settings?: QuotaSettings
  readonly elapsed: Clock
  readonly idleMax?: number
}

export class Accounts {
  readonly elapsed: Clock
  readonly #settings: QuotaSettings
  readonly #idleMax: number
  readonly #ofAddresses: QuotaValues
  readonly #active = new Map<string, Account>()
  /** In the order in which they became idle. */
  readonly #idle = new Map<string, Account>()

  constructor({ settings = noQuotaSettings, elapsed, idleMax = IDLE_MAX }: AccountsOptions) {
    this.elapsed = elapsed
    this.#settings = settings
    this.#idleMax = idleMax
    this.#ofAddresses = quotasOfAddress(settings)
  }

  /** Accounts in memory. */
  get size(): number {
    return this.#active.size + this.#idle.size
  }

  /** Opens the account of an address for a session. */
  ofAddress(address: string): Account {
    const key = keyOf('address', address)
    return this.#open(key, () => new Account('address', address, this.#ofAddresses))
  }

  /** Opens the account of a principal for a session. */
  ofPrincipal(name: string): Account {
    const make = (): Account => new Account('principal', name, quotasOfPrincipal(this.#settings, name))
    return this.#open(keyOf('principal', name), make)
  }

  /** Called when a session counts for the account no more. */
  leave(account: Account): void {
    const { key } = account
    if (--account.connections > 0) return
    this.#active.delete(key)
    if (account.isRested(this.elapsed())) return
    this.#idle.set(key, account)
    if (this.#idle.size <= this.#idleMax) return
    for (const oldest of this.#idle.keys()) return void this.#idle.delete(oldest)
  }

  /** For each quota, the largest part that one account with sessions uses of its own; 0 where none has a quota. */
  largestParts(): ReadonlyMap<QuotaName, number> {
    const now = this.elapsed()
    const parts = new Map<QuotaName, number>(quotaNames.map((name) => [name, 0]))
    for (const account of this.#active.values()) {
      for (const name of quotaNames) {
        const part = account.usedPart(name, now)
        if (part !== undefined && part > parts.get(name)!) parts.set(name, part)
      }
    }
    return parts
  }

  #open(key: string, make: () => Account): Account {
    const account = this.#active.get(key) ?? this.#idle.get(key) ?? make()
    this.#idle.delete(key)
    this.#active.set(key, account)
    account.connections++
    return account
  }
}
