// The quotas of a process: the accounts of those who use it, failed logins, pauses, and what is measured of them. Runs on the main
// thread of every process that listens.
import { isLoopback } from '../../../protocol/access/loopback.ts'
import { Accounts } from '../../access/quotas/accounts.ts'
import { LoginGate } from '../../access/quotas/login-gate.ts'
import {
  leastUnsentBytes,
  noQuotaSettings,
  quotasOfAddress,
  type QuotaName,
  type QuotaSettings,
} from '../../access/quotas/quotas.ts'
import { SessionUsage } from '../../access/quotas/session-usage.ts'
import { hostOf, sourceOf } from '../../access/quotas/source-address.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import { systemTime, type Time } from '../../time.ts'
import type { OutputBudget } from '../output-budget.ts'
import type { LiveSession } from '../live-session.ts'
import { Pauses } from './pauses.ts'
import { overdrawn } from './unsent.ts'

export interface QuotaDeskOptions {
  readonly settings?: QuotaSettings | undefined
  readonly metrics: Instruments
  readonly output: OutputBudget
  readonly time?: Pick<Time, 'elapsed' | 'every'>
}

export class QuotaDesk {
  readonly pauses: Pauses
  readonly #options: QuotaDeskOptions
  readonly #accounts: Accounts
  readonly #logins: LoginGate
  readonly #leastUnsentBytes: number

  constructor(options: QuotaDeskOptions) {
    const { settings = noQuotaSettings, time = systemTime } = options
    this.#options = options
    this.pauses = new Pauses(time)
    this.#accounts = new Accounts({ settings, elapsed: time.elapsed })
    const { failedLogins } = quotasOfAddress(settings)
    this.#logins = new LoginGate({ failuresPerSecond: failedLogins, elapsed: time.elapsed })
    this.#leastUnsentBytes = leastUnsentBytes(settings)
    options.output.lookAbove(this.#leastUnsentBytes)
  }

  /** Makes what a session of this peer counts against. Loopback and this process have no quotas of addresses. */
  usageOf(remote: string): SessionUsage {
    return new SessionUsage(this.#accounts, addressOf(remote), (quota) => this.usedUp(quota))
  }

  /** Milliseconds for which connections of this peer are turned away, because too many credentials from there were refused. */
  turnedAwayMs(remote: string): number {
    const address = addressOf(remote)
    const waitMs = address === undefined ? 0 : this.#logins.waitMs(address)
    if (waitMs > 0) this.usedUp('failedLogins')
    return waitMs
  }

  loginFailed(remote: string): void {
    const address = addressOf(remote)
    if (address !== undefined) this.#logins.failed(address)
  }

  loginSucceeded(remote: string): void {
    const address = addressOf(remote)
    if (address !== undefined) this.#logins.succeeded(address)
  }

  usedUp(quota: QuotaName): void {
    this.#options.metrics.millrace_quota_refusals_total.add(1, quota)
  }

  /** Cuts sessions of accounts whose unsent output is beyond their quota. */
  cutOverdrawn(sessions: Iterable<LiveSession>): void {
    const { output } = this.#options
    for (const { session, account } of overdrawn(sessions, (some) => output.cutOrder(some))) {
      const message =
        `${account.title} may have ${account.values.unsentBytes} bytes that wait to be sent; that is its quota, ` +
        'and its clients do not take them.'
      this.usedUp('unsentBytes')
      session.cut('slowConsumer', message)
    }
    output.lookAbove(Math.max(this.#leastUnsentBytes, output.bytes + LOOK_AGAIN_BYTES))
  }

  sweep(): void {
    const { metrics, output } = this.#options
    output.lookAbove(this.#leastUnsentBytes)
    metrics.millrace_quota_used_ratio.replace(this.#accounts.largestParts())
  }
}

/** Accounts are looked at again when so much more is unsent: to look costs a pass over all sessions. */
const LOOK_AGAIN_BYTES = 1024 * 1024

function addressOf(remote: string): string | undefined {
  const host = hostOf(remote)
  return /^in.process$/.test(remote) || isLoopback(host) ? undefined : sourceOf(remote)
}
