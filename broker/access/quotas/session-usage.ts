// What one session counts against: the account of its address, and that of its principal once it is known who asks. Runs in every
// process that listens; pure but for the clock of the accounts. The first quota that is used up decides; nothing is taken from
// an account where another one refuses.
import type { Account, QuotaRefusal, RateQuota } from './account.ts'
import type { Accounts } from './accounts.ts'
import type { QuotaName } from './quotas.ts'

export class SessionUsage {
  readonly #accounts: Accounts
  readonly #onUsedUp: (quota: QuotaName) => void
  #payers: Account[] = []
  #principal: string | undefined
  #subscriptions = 0
  #hasRates = false
  /** The time when something last arrived or left: a chunk may hold hundreds of requests, and to read a clock costs most. */
  #now = 0

  /**
   * `address`: undefined for one that has no quotas: loopback, and this process. `onUsedUp` is called for each refusal and each
   * pause.
   */
  constructor(accounts: Accounts, address: string | undefined, onUsedUp: (quota: QuotaName) => void) {
    this.#accounts = accounts
    this.#onUsedUp = onUsedUp
    if (address !== undefined) this.#join(accounts.ofAddress(address))
  }

  /** The accounts, for what is counted elsewhere. */
  get payers(): readonly Account[] {
    return this.#payers
  }

  /** Returns why the connection must end, if its address has too many. */
  connect(): QuotaRefusal | undefined {
    return this.#refusalOf(this.#payers, 'connections', 0)
  }

  /** Counts the session for this principal from now on; returns why it must end, if it must. */
  identify(principal: string | undefined): QuotaRefusal | undefined {
    if (principal === this.#principal) return undefined
    if (this.#principal !== undefined) this.#leave(this.#payers.pop()!)
    this.#principal = principal
    if (principal === undefined) return undefined
    const account = this.#accounts.ofPrincipal(principal)
    this.#join(account)
    account.subscriptions += this.#subscriptions
    return this.#refusalOf([account], 'connections', 0)
  }

  /** Counts a request that has arrived; returns why it is refused, if it is. Bytes that were held are taken to arrive at `resume`. */
  request(): QuotaRefusal | undefined {
    if (!this.#hasRates) return undefined
    const now = this.#now
    for (const account of this.#payers) {
      const waitMs = account.waitMs('requests', now)
      if (waitMs === 0) continue
      this.#onUsedUp('requests')
      return account.refusalFor('requests', waitMs)
    }
    for (const account of this.#payers) account.take('requests', 1, now)
    return undefined
  }

  /** Counts bytes that were received; returns for how many milliseconds nothing more may be read. */
  received(bytes: number): number {
    return this.#hasRates ? this.#spend('bytesIn', bytes) : 0
  }

  /** Called when reading goes on after a pause. */
  resume(): void {
    if (this.#hasRates) this.#now = this.#accounts.elapsed()
  }

  /** Counts bytes that were sent; returns for how many milliseconds nothing more may be sent. */
  sent(bytes: number): number {
    return this.#hasRates ? this.#spend('bytesOut', bytes) : 0
  }

  /** Counts a subscription; returns why it is refused, if it is. */
  subscribe(): QuotaRefusal | undefined {
    const refusal = this.#refusalOf(this.#payers, 'subscriptions', 1)
    if (refusal === undefined) this.#count(1)
    return refusal
  }

  unsubscribe(): void {
    // What ends with its session is given back at once, with all of it.
    if (this.#subscriptions > 0) this.#count(-1)
  }

  /** The session is over. */
  end(): void {
    for (const account of this.#payers) this.#leave(account)
    this.#payers = []
    this.#subscriptions = 0
    this.#principal = undefined
  }

  #spend(name: RateQuota, bytes: number): number {
    const now = (this.#now = this.#accounts.elapsed())
    let waitMs = 0
    for (const account of this.#payers) {
      account.take(name, bytes, now)
      waitMs = Math.max(waitMs, account.waitMs(name, now))
    }
    if (waitMs > 0) this.#onUsedUp(name)
    return waitMs
  }

  #refusalOf(
    accounts: readonly Account[],
    name: 'connections' | 'subscriptions',
    more: 0 | 1,
  ): QuotaRefusal | undefined {
    for (const account of accounts) {
      const refusal = account.refusalOf(name, account[name] + more)
      if (refusal === undefined) continue
      this.#onUsedUp(name)
      return refusal
    }
    return undefined
  }

  #count(change: 1 | -1): void {
    this.#subscriptions += change
    for (const account of this.#payers) account.subscriptions += change
  }

  #join(account: Account): void {
    this.#payers.push(account)
    this.#hasRates ||= account.hasRates
  }

  #leave(account: Account): void {
    account.subscriptions -= this.#subscriptions
    this.#accounts.leave(account)
  }
}
