// Reports of a member about its shards: rates, and what each waits for. Runs in the client, pure but for what it remembers.
import type { ShardReport } from '../membership/membership.ts'
import type { LeasedShard } from './leased-shard.ts'

/** Rates are taken over this time at least, because shorter ones say little. */
const RATE_MS_MIN = 1000
/** A call of the handler is told of if it takes this time at least: one that was begun a moment ago says nothing. */
const HANDLING_MS_MIN = 1000
/** A rate that differs by less than this part is not reported again. */
const RATE_PART = 0.1

/** Reports for one request. */
export interface ToldReports {
  readonly reports: readonly ShardReport[]
  readonly hasMore: boolean
}

interface Observed {
  readonly at: number
  readonly records: number
  readonly bytes: number
  readonly recordsPerSecond: number
  readonly bytesPerSecond: number
  readonly state: ShardReport['state']
  /** When the state began. */
  readonly since: number
  /** The last report that was sent; undefined before the first. */
  told: ShardReport | undefined
}

export class Reports {
  readonly #observed = new Map<LeasedShard, Observed>()

  /**
   * Reports of shards, at this moment of the monotonic clock: those that say something new, or all of them, as many as one
   * request holds. They count as told; `hasMore`: others wait for the next call.
   */
  tell(
    shards: Iterable<LeasedShard>,
    now: number,
    { isAll, reportsMax }: { readonly isAll: boolean; readonly reportsMax: number },
  ): ToldReports {
    if (isAll) for (const observed of this.#observed.values()) observed.told = undefined
    const reports: ShardReport[] = []
    let hasMore = false
    for (const { observed, report, isNew } of this.#look(shards, now)) {
      if (!isNew) continue
      if (reports.length === reportsMax) {
        hasMore = true
        continue
      }
      observed.told = report
      reports.push(report)
    }
    return { reports, hasMore }
  }

  /** Returns true if any report says something new. */
  hasNews(shards: Iterable<LeasedShard>, now: number): boolean {
    let hasNews = false
    for (const { isNew } of this.#look(shards, now)) hasNews ||= isNew
    return hasNews
  }

  *#look(
    shards: Iterable<LeasedShard>,
    now: number,
  ): Generator<{ observed: Observed; report: ShardReport; isNew: boolean }> {
    const present = new Set<LeasedShard>()
    for (const shard of shards) {
      present.add(shard)
      const observed = observe(shard, this.#observed.get(shard), now)
      this.#observed.set(shard, observed)
      const report = reportOf(shard, observed, now)
      yield { observed, report, isNew: isNews(observed.told, report) }
    }
    for (const shard of this.#observed.keys()) if (!present.has(shard)) this.#observed.delete(shard)
  }
}

function observe(shard: LeasedShard, before: Observed | undefined, now: number): Observed {
  const { records, bytes } = shard
  const { state, since } = stateOf(shard, now)
  if (before === undefined) {
    return {
      at: now,
      records,
      bytes,
      recordsPerSecond: 0,
      bytesPerSecond: 0,
      state,
      since: since ?? now,
      told: undefined,
    }
  }
  const begin = since ?? (before.state === state ? before.since : now)
  const elapsed = now - before.at
  if (elapsed < RATE_MS_MIN) return { ...before, state, since: begin }
  const rate = (count: number): number => Math.round((count * 1000) / elapsed)
  return {
    at: now,
    records,
    bytes,
    recordsPerSecond: rate(records - before.records),
    bytesPerSecond: rate(bytes - before.bytes),
    state,
    since: begin,
    told: before.told,
  }
}

function stateOf(shard: LeasedShard, now: number): { state: ShardReport['state']; since?: number } {
  const { trouble, cursor, handlingSince } = shard
  if (trouble !== undefined) return { state: trouble.state, since: trouble.since }
  const isLong = handlingSince !== undefined && now - handlingSince >= HANDLING_MS_MIN
  if (isLong) return { state: 'handling', since: handlingSince }
  if (cursor === undefined) return { state: 'reading' }
  if (cursor.restsUntil > now) return { state: 'throttled' }
  if (cursor.isAtTail && cursor.bufferedBytes === 0) return { state: 'caughtUp' }
  return { state: 'reading' }
}

function reportOf(shard: LeasedShard, observed: Observed, now: number): ShardReport {
  const { streamId, shardIndex, epoch, trouble } = shard
  const { recordsPerSecond, bytesPerSecond, state, since } = observed
  return {
    streamId,
    shardIndex,
    epoch,
    recordsPerSecond,
    bytesPerSecond,
    state,
    since: Math.max(0, Math.round(now - since)),
    sequenceNumber: trouble?.sequenceNumber,
    detail: trouble?.detail,
  }
}

function isNews(told: ShardReport | undefined, report: ShardReport): boolean {
  if (told === undefined) return true
  const isOther = (a: number, b: number): boolean => Math.abs(a - b) > RATE_PART * Math.max(a, b)
  return (
    told.state !== report.state ||
    told.sequenceNumber !== report.sequenceNumber ||
    told.detail !== report.detail ||
    // The state has ended and begun anew since the last report.
    report.since < told.since ||
    isOther(told.recordsPerSecond, report.recordsPerSecond) ||
    isOther(told.bytesPerSecond, report.bytesPerSecond)
  )
}
