// What one principal or one address uses of a process, against its quotas. Runs in every process that listens; pure: the caller
// gives the time. A check costs a comparison where there is no quota.
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'
import type { QuotaName, QuotaValues } from './quotas.ts'

/** Quotas that are used up and come back with time. */
export type RateQuota = 'requests' | 'bytesIn' | 'bytesOut'

const rateQuotas = ['requests', 'bytesIn', 'bytesOut'] as const satisfies readonly RateQuota[]

/** Why a quota refuses. */
export interface QuotaRefusal {
  readonly quota: QuotaName
  readonly code: 'limitExceeded' | 'throttled'
  readonly message: string
  readonly retryAfterMs?: number
}

export class Account {
  readonly key: string
  /** As a sentence begins with it: `Principal shop`. */
  readonly title: string
  readonly values: QuotaValues
  connections = 0
  subscriptions = 0
  readonly #buckets: { readonly [N in RateQuota]: TokenBucket | undefined }

  constructor(kind: 'principal' | 'address', name: string, values: QuotaValues) {
    this.key = keyOf(kind, name)
    this.title = `${kind === 'principal' ? 'Principal' : 'Address'} ${name}`
    this.values = values
    const bucket = (name: RateQuota): TokenBucket | undefined =>
      values[name] === Infinity ? undefined : new TokenBucket(values[name])
    this.#buckets = { requests: bucket('requests'), bytesIn: bucket('bytesIn'), bytesOut: bucket('bytesOut') }
  }

  /** True if time changes anything about it. */
  get hasRates(): boolean {
    return rateQuotas.some((name) => this.#buckets[name] !== undefined)
  }

  /** True if it has used nothing that is still to come back. */
  isRested(now: number): boolean {
    return rateQuotas.every((name) => (this.#buckets[name]?.usedPart(now) ?? 0) === 0)
  }

  /** Returns why there cannot be so many; undefined where there can. */
  refusalOf(name: 'connections' | 'subscriptions', count: number): QuotaRefusal | undefined {
    const most = this.values[name]
    if (count <= most) return undefined
    const message =
      `${this.title} may have ${most} ${name} to this process; that is its quota. ` +
      'Close some, or ask whoever runs the broker for a larger quota.'
    return { quota: name, code: 'limitExceeded', message }
  }

  /** Milliseconds until the quota allows more; 0 if it does now. */
  waitMs(name: RateQuota, now: number): number {
    return this.#buckets[name]?.waitMs(now) ?? 0
  }

  take(name: RateQuota, amount: number, now: number): void {
    this.#buckets[name]?.take(amount, now)
  }

  /** Returns the refusal of work for which a rate is used up for so long. */
  refusalFor(name: RateQuota, waitMs: number): QuotaRefusal {
    const message = `${this.title} may make ${this.values[name]} ${name} a second to this process. Try again in ${waitMs} ms.`
    return { quota: name, code: 'throttled', message, retryAfterMs: waitMs }
  }

  /** Which part of a quota is used, 0 to 1, or above 1 in debt; undefined where there is none. */
  usedPart(name: QuotaName, now: number): number | undefined {
    const most = this.values[name]
    if (most === Infinity) return undefined
    if (name === 'connections' || name === 'subscriptions') return this[name] / most
    return rateQuotas.some((rate) => rate === name)
      ? this.#buckets[name as RateQuota]?.usedPart(now)
      : undefined
  }
}

/** Names an account among all of a process. */
export function keyOf(kind: 'principal' | 'address', name: string): string {
  return `${kind} ${name}`
}
