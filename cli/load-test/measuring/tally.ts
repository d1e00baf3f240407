// Counts a load as it runs: what was sent, acknowledged, refused and read, with latencies and checks. Driven by the load, which gives
// the times; pure but for the histograms.
import { Interval, type LatencyKind } from './interval.ts'
import { Latencies } from './latencies.ts'
import type { LoadError, LoadMoment, LoadStep, Throughput } from './load-result.ts'
import type { Stamp } from '../records/stamped-record.ts'
import { Verification } from './verification.ts'

/** Records that were refused and are remembered one by one; a load with more is ended. */
export const FAILED_MAX = 1_000_000
const ERROR_KINDS_MAX = 20

/** One reader, or one group: it must see every record. */
interface View {
  readonly kind: 'e2e' | 'group'
  readonly verification: Verification
}

interface Counter {
  records: number
  bytes: number
}

const counter = (): Counter => ({ records: 0, bytes: 0 })

export class Tally {
  readonly #keys: number
  readonly #lanes: number
  /** Numbers given to the records of each lane. */
  readonly #numbers: Uint32Array
  readonly #views: View[] = []
  readonly #latencies = { ack: new Latencies(), e2e: new Latencies(), group: new Latencies() }
  readonly #delay = new Latencies()
  readonly #counters = { sent: counter(), ack: counter(), e2e: counter(), group: counter() }
  readonly #failed: { readonly lane: number; readonly number: number }[] = []
  readonly #errorKinds = new Map<string, { count: number; readonly message: string }>()
  readonly #recent: Interval
  #step: Interval | undefined
  readonly #steps: LoadStep[] = []
  #sent = 0
  #acknowledged = 0
  #lagMax = 0
  /** The measured time. It is not known before the load has begun, and its end moves when the load is stopped. */
  #measuredFrom = Infinity
  #measuredUntil = Infinity

  constructor({ keys, producers, now }: { keys: number; producers: number; now: number }) {
    this.#keys = keys
    this.#lanes = keys * producers
    this.#numbers = new Uint32Array(this.#lanes)
    this.#recent = new Interval(now)
  }

  get sent(): number {
    return this.#sent
  }

  /** Records without an answer. */
  get outstanding(): number {
    return this.#sent - this.#acknowledged - this.#failed.length
  }

  /** Acknowledged records that the slowest view has not read. */
  get lag(): number {
    const read = this.#views.map(({ verification }) => verification.distinct)
    return Math.max(0, this.#acknowledged - Math.min(this.#acknowledged, ...read))
  }

  noteLag(): void {
    this.#lagMax = Math.max(this.#lagMax, this.lag)
  }

  get measuredFrom(): number {
    return this.#measuredFrom
  }

  get measuredUntil(): number {
    return this.#measuredUntil
  }

  /** To the microsecond. */
  get measuredMs(): number {
    return Math.round(Math.max(0, this.#measuredUntil - this.#measuredFrom) * 1000) / 1000
  }

  /** The checks cannot be kept for so many wrong records. */
  get isFull(): boolean {
    return this.#failed.length >= FAILED_MAX || this.#views.some(({ verification }) => verification.isFull)
  }

  measure(from: number, until: number): void {
    this.#measuredFrom = from
    this.#measuredUntil = until
  }

  /** The load was stopped before its time. */
  end(now: number): void {
    this.#measuredUntil = Math.max(Math.min(this.#measuredUntil, now), Math.min(this.#measuredFrom, now))
  }

  /** Gives a record its number, and counts it as sent. */
  send(producer: number, key: number, record: { bytes: number; intendedAt: number; now: number }): number {
    const { bytes, intendedAt, now } = record
    this.#sent++
    if (this.#isMeasured(intendedAt)) {
      this.#delay.record(now - intendedAt)
      count(this.#counters.sent, bytes)
    }
    return ++this.#numbers[producer * this.#keys + key]!
  }

  acknowledge(intendedAt: number, bytes: number, now: number): void {
    this.#acknowledged++
    this.#observe('ack', intendedAt, bytes, now)
  }

  fail(producer: number, key: number, number: number, error: unknown): void {
    this.#failed.push({ lane: producer * this.#keys + key, number })
    const { code, message } = errorKind(error)
    const known = this.#errorKinds.get(code)
    if (known !== undefined) known.count++
    else if (this.#errorKinds.size < ERROR_KINDS_MAX) this.#errorKinds.set(code, { count: 1, message })
  }

  /** Returns a function that takes note of each record that a new view reads. */
  addView(kind: 'e2e' | 'group'): (stamp: Stamp, bytes: number, now: number) => void {
    const verification = new Verification(this.#lanes)
    this.#views.push({ kind, verification })
    return ({ producer, key, number, intendedAt }, bytes, now) => {
      const isNew = verification.take(producer * this.#keys + key, number)
      if (isNew) this.#observe(kind, intendedAt, bytes, now)
    }
  }

  /** What the last stretch was like; begins the next. */
  moment(now: number): LoadMoment {
    return { ...this.#recent.roll(now), errors: this.#failed.length, lag: this.lag }
  }

  /** Closes a step of the measured time; the first call begins it. */
  closeStep(now: number, intendedPerSecond: number | undefined): void {
    if (this.#step === undefined) {
      this.#step = new Interval(now)
      return
    }
    this.#steps.push({
      untilMs: now - this.#measuredFrom,
      ...(intendedPerSecond === undefined ? {} : { intendedPerSecond }),
      ...this.#step.roll(now),
      errors: this.#failed.length,
      lag: this.lag,
    })
  }

  /** What the checks found. Acknowledged records count as lost; refused ones may be there or not. */
  checks(): { lost: number; duplicates: number; outOfOrder: number; reprocessed: number } {
    const sums = { lost: 0, duplicates: 0, outOfOrder: 0, reprocessed: 0 }
    for (const { kind, verification } of this.#views) {
      const refused = this.#failed.filter(({ lane, number }) => !verification.has(lane, number)).length
      sums.lost += Math.max(0, this.#sent - this.outstanding - verification.distinct - refused)
      sums.outOfOrder += verification.outOfOrder
      if (kind === 'group') sums.reprocessed += verification.again
      else sums.duplicates += verification.again
    }
    return sums
  }

  summary() {
    const { ack, e2e, group } = this.#latencies
    const { sent, ack: acknowledged, e2e: consumed, group: groupConsumed } = this.#counters
    return {
      measuredMs: this.measuredMs,
      sentRecords: this.#sent,
      sent: this.#throughput(sent),
      acknowledged: this.#throughput(acknowledged),
      consumed: this.#ofViews(consumed, 'e2e'),
      groupConsumed: this.#ofViews(groupConsumed, 'group'),
      ack: ack.summary(),
      e2e: e2e.summary(),
      group: group.summary(),
      delay: this.#delay.summary(),
      errors: this.#failed.length,
      errorKinds: this.#kindsOfErrors(),
      lagMax: this.#lagMax,
      steps: this.#steps,
      ...this.checks(),
    }
  }

  /** Latencies are of records that were due in the measured time; rates are of what happened in it. */
  #observe(kind: LatencyKind, intendedAt: number, bytes: number, now: number): void {
    const ms = now - intendedAt
    this.#recent.record(kind, ms)
    if (this.#isMeasured(now)) {
      count(this.#counters[kind], bytes)
      this.#step?.record(kind, ms)
    }
    if (this.#isMeasured(intendedAt)) this.#latencies[kind].record(ms)
  }

  #isMeasured(at: number): boolean {
    return at >= this.#measuredFrom && at < this.#measuredUntil
  }

  #ofViews(sum: Counter, of: View['kind']): Throughput | undefined {
    const views = this.#views.filter(({ kind }) => kind === of).length
    if (views === 0) return undefined
    return this.#throughput({ records: Math.round(sum.records / views), bytes: sum.bytes / views })
  }

  #throughput({ records, bytes }: Counter): Throughput {
    const seconds = this.measuredMs / 1000
    const perSecond = (amount: number) => (seconds === 0 ? 0 : amount / seconds)
    return { records, recordsPerSecond: perSecond(records), bytesPerSecond: perSecond(bytes) }
  }

  #kindsOfErrors(): LoadError[] {
    return [...this.#errorKinds]
      .map(([code, kind]) => ({ code, ...kind }))
      .toSorted((a, b) => b.count - a.count)
  }
}

function count(to: Counter, bytes: number): void {
  to.records++
  to.bytes += bytes
}

/** The code of an error of Millrace, the name of one of AWS, or the code of one of the system. */
function errorKind(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: 'unknown', message: String(error) }
  const { code } = error as { readonly code?: unknown }
  return { code: typeof code === 'string' ? code : error.name, message: error.message }
}
