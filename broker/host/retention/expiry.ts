// Raises the horizons of shards by time, with the help of the surveys of sealed segments, so that these can be dropped. Host
// main thread. Readers do not depend on it: each read checks by itself what has expired.
import type { SegmentSpan } from '../../threads/maintenance-contract.ts'
import type { SegmentList } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { EveryShard, ShardsBySlot } from '../shards/shards-contract.ts'
import type { Time } from '../../time.ts'
import type { Horizons } from './horizons.ts'
import { liveBytesOf } from '../shards/live-bytes.ts'
import type { Surveys } from './surveys.ts'
import { TurnBudget } from './turn-budget.ts'

/** Part of a span that must seem expired before its horizon is searched. */
const EXPIRED_PART = 1 / 8
/** Smaller spans wait until they have expired whole. */
const SPAN_BYTES_MIN = 64 * 1024

export interface ExpiryOptions {
  readonly shards: ShardsBySlot & EveryShard
  readonly horizons: Horizons
  readonly surveys: Surveys
  readonly time: Time
}

export class Expiry {
  readonly #options: ExpiryOptions

  constructor(options: ExpiryOptions) {
    this.#options = options
  }

  /** Raises the horizons of one owner's shards by time, and counts the bytes that are still readable. */
  async expire(ownerId: number, list: SegmentList): Promise<void> {
    const { shards, horizons, surveys, time } = this.#options
    const budget = new TurnBudget(time, hostLimits.spansPerTurn)
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
}

/** Returns true if, with records that arrived evenly, enough of the span may have expired to be worth a search. */
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
