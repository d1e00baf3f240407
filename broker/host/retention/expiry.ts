// Raises horizons by what surveys say of sealed segments, so that these can go: what has expired, and what is too much of a
// stream with a bound. Host main thread. Readers do not wait for it: each read finds out by itself what has expired.
import type { Logger } from '../../telemetry/log.ts'
import type { SegmentSpan } from '../../threads/maintenance-contract.ts'
import type { SegmentList } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { HostedShard } from '../hosted-shard.ts'
import type { HostedShards } from '../hosted-shards.ts'
import type { Timing } from '../timing.ts'
import type { Horizons } from './horizons.ts'
import { liveBytesOf } from './retention-plan.ts'
import { coveredPart, planSizeTrims } from './size-bound.ts'
import type { Surveys } from './surveys.ts'
import { TurnBudget } from './turn-budget.ts'

/** A horizon within a span is looked up when so much of the span may have expired since. */
const EXPIRED_PART = 1 / 8
/** Smaller spans wait until all of them has expired. */
const SPAN_BYTES_MIN = 64 * 1024

export interface ExpiryOptions {
  readonly shards: HostedShards
  readonly horizons: Horizons
  readonly surveys: Surveys
  readonly timing: Timing
  readonly log: Logger
}

export class Expiry {
  readonly #options: ExpiryOptions

  constructor(options: ExpiryOptions) {
    this.#options = options
  }

  /** Raises the horizons of one owner's shards by time, and counts what is left of them. */
  async expire(ownerId: number, list: SegmentList): Promise<void> {
    const { shards, horizons, surveys, timing } = this.#options
    const budget = new TurnBudget(timing, hostLimits.spansPerTurn)
    const sealedBytes = new Map<number, number>()
    const stale: HostedShard[] = []
    for (const survey of surveys.of(list)) {
      if (!survey) continue
      const now = horizons.now()
      for (const span of survey.spans) {
        const shard = shards.findSlot(span.slot)
        if (!shard || span.next <= shard.trimHorizon) continue
        const cutoff = horizons.cutoffOf(shard, now)
        if (span.lastArrival < cutoff) shard.raiseHorizon(Math.min(span.next, shard.tail))
        else if (isWorthLooking(span, shard, cutoff)) stale.push(shard)
        const liveBytes = liveBytesOf(span, shard.trimHorizon)
        sealedBytes.set(span.slot, (sealedBytes.get(span.slot) ?? 0) + liveBytes)
      }
      await budget.spend(survey.spans.length)
    }
    const now = horizons.now()
    for (const shard of shards.all()) {
      if (shard.ownerId !== ownerId) continue
      if (shard.lastArrivalTime < horizons.cutoffOf(shard, now)) shard.raiseHorizon(shard.tail)
      shard.surveyed(sealedBytes.get(shard.slot) ?? 0)
    }
    const looked = stale.slice(0, hostLimits.horizonsPerLook)
    await Promise.all(looked.map((shard) => horizons.refresh(shard)))
  }

  /**
   * Horizons, by slot, of streams that are larger than they may be. Nobody is shown them before they are durable: after a
   * crash nothing else would tell that they were that high. `lists` are those of all owners.
   */
  async bound(lists: readonly SegmentList[]): Promise<ReadonlyMap<number, number>> {
    const raised = new Map<number, number>()
    const bounded = new Map<number, HostedShard[]>()
    for (const shard of this.#options.shards.all()) {
      if (shard.settings.retentionBytes === 0) continue
      const shards = bounded.get(shard.streamId)
      if (shards) shards.push(shard)
      else bounded.set(shard.streamId, [shard])
    }
    for (const shards of bounded.values()) {
      const bytesMax = shards[0]!.settings.retentionBytes * coveredPart(shards)
      const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0)
      if (bytes > bytesMax) await this.#trim(shards, bytesMax, lists, raised)
    }
    return raised
  }

  async #trim(
    shards: readonly HostedShard[],
    bytesMax: number,
    lists: readonly SegmentList[],
    raised: Map<number, number>,
  ): Promise<void> {
    const { horizons, log } = this.#options
    const bySlot = new Map(shards.map((shard) => [shard.slot, shard]))
    const spans = await this.#spansOf(bySlot, lists)
    // Counted again, with the horizons that hold by now: for what has expired nothing else must go.
    const activeBytes = shards.reduce((sum, shard) => sum + shard.activeBytes, 0)
    const sealedBytes = spans.reduce(
      (sum, span) => sum + liveBytesOf(span, bySlot.get(span.slot)!.trimHorizon),
      0,
    )
    const excessBytes = activeBytes + sealedBytes - bytesMax
    const numbers = new Map(shards.map(({ slot, trimHorizon }) => [slot, trimHorizon]))
    const trims = planSizeTrims({ excessBytes, spans, horizons: numbers })
    for (const { slot, trimHorizon, isEstimate } of trims) {
      const shard = bySlot.get(slot)!
      const number = Math.min(trimHorizon, shard.tail)
      // A horizon within a batch would keep all of it on the disk, and count as if most of it could go.
      const base = isEstimate ? await horizons.baseOf(shard, number) : number
      if (base === undefined || base <= shard.trimHorizon) continue
      raised.set(slot, base)
      log.debug(
        { shard: shard.label, trimHorizon: base },
        'records go because the stream has a bound in bytes',
      )
    }
  }

  async #spansOf(
    slots: ReadonlyMap<number, HostedShard>,
    lists: readonly SegmentList[],
  ): Promise<SegmentSpan[]> {
    const { surveys, timing } = this.#options
    const budget = new TurnBudget(timing, hostLimits.spansPerTurn)
    const spans: SegmentSpan[] = []
    for (const list of lists) {
      for (const survey of surveys.of(list)) {
        if (!survey) continue
        for (const span of survey.spans) if (slots.has(span.slot)) spans.push(span)
        await budget.spend(survey.spans.length)
      }
    }
    return spans
  }
}

/** May so much of the span have expired below the shard's horizon that it is worth a search, if records came evenly? */
function isWorthLooking(
  { first, next, firstArrival, lastArrival, bytes }: SegmentSpan,
  { trimHorizon }: HostedShard,
  cutoff: number,
): boolean {
  if (bytes < SPAN_BYTES_MIN || firstArrival >= cutoff) return false
  const expired = (cutoff - firstArrival) / (lastArrival - firstArrival + 1)
  const trimmed = Math.max(0, trimHorizon - first) / (next - first)
  return expired - trimmed >= EXPIRED_PART
}
