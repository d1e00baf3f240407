// What this host holds of streams with a bound in bytes, for the controller, which alone knows a stream as a whole; and the
// horizons that the controller decides on. Host main thread.
// Counts never say more than there is: what has expired, and segments that are not surveyed yet, count as nothing. The
// active segment counts and is left alone: what cannot be removed from the disk yet may as well be read.
import type { BoundedTrims, StoredSpans } from '../../host-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { SegmentSpan } from '../../threads/maintenance-contract.ts'
import type { SegmentList } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { EveryShard, ShardsByName, ShardsOfStream } from '../shards/shards-contract.ts'
import type { Time } from '../../time.ts'
import type { Horizons } from './horizons.ts'
import { liveBytesOf } from '../shards/live-bytes.ts'
import type { Surveys } from './surveys.ts'
import { TurnBudget } from './turn-budget.ts'

export interface BoundedStreamsOptions {
  readonly shards: ShardsByName & ShardsOfStream & EveryShard
  readonly horizons: Horizons
  readonly surveys: Surveys
  /** Of all owners, as they are now. */
  readonly segmentLists: () => readonly SegmentList[]
  readonly time: Time
  readonly log: Logger
}

interface DecidedTrim {
  readonly shard: HostedShard
  readonly trimHorizon: number
  readonly isEstimate: boolean
  /** The bound that it was decided by. */
  readonly retentionBytes: number
}

interface FoundSpan {
  readonly shard: HostedShard
  readonly span: SegmentSpan
}

/** What is readable of it, and from where on. */
interface LiveSpan extends FoundSpan {
  readonly from: number
  readonly bytes: number
}

export class BoundedStreams {
  readonly #options: BoundedStreamsOptions
  /** By slot: decided since the last look. */
  #decided = new Map<number, DecidedTrim>()

  constructor(options: BoundedStreamsOptions) {
    this.#options = options
  }

  /** Stream id and bytes of each stream with a bound: what the last look counted, and what was stored since. */
  totals(): Float64Array {
    const totals = new Map<number, number>()
    for (const { settings, streamId, bytes } of this.#options.shards.all()) {
      if (settings.retentionBytes > 0) totals.set(streamId, (totals.get(streamId) ?? 0) + bytes)
    }
    return Float64Array.from([...totals].flat())
  }

  /** Counts a stream anew, and gives its oldest spans until they hold `excessBytes`. */
  async storedSpans(streamId: number, excessBytes: number): Promise<StoredSpans> {
    const shards = this.#options.shards.shardsOf(streamId)
    const spans = await this.#liveSpans(shards)
    const sealedBytes = spans.reduce((sum, span) => sum + span.bytes, 0)
    const activeBytes = shards.reduce((sum, shard) => sum + shard.activeLiveBytes, 0)
    // The sort is stable, and arrival times never fall: the spans of one shard stay in their order.
    const oldest = spans.toSorted((a, b) => lastArrivalOf(a) - lastArrivalOf(b))
    let count = 0
    let bytes = 0
    while (count < oldest.length && bytes < excessBytes && count < hostLimits.spansPerAnswer) {
      bytes += oldest[count++]!.bytes
    }
    const given = oldest.slice(0, count)
    return {
      bytes: sealedBytes + activeBytes,
      spans: Float64Array.from(
        given.flatMap((span) => [
          span.shard.shardIndex,
          span.from,
          span.span.next,
          lastArrivalOf(span),
          span.bytes,
        ]),
      ),
      completeTo: count === oldest.length ? Infinity : count === 0 ? -Infinity : lastArrivalOf(given.at(-1)!),
    }
  }

  /** Keeps horizons for the next look, in the place of those that were decided before. */
  decide({ streamId, retentionBytes, trims }: BoundedTrims): void {
    for (const { shardIndex, trimHorizon, isEstimate } of trims) {
      const shard = this.#options.shards.find(streamId, shardIndex)
      if (shard) this.#decided.set(shard.slot, { shard, trimHorizon, isEstimate, retentionBytes })
    }
  }

  /**
   * Horizons, by slot, that were decided since this was asked last. Nobody is shown them before they are durable: after a
   * crash nothing else would tell that they were that high.
   */
  async takeHorizons(): Promise<ReadonlyMap<number, number>> {
    const decided = this.#decided
    this.#decided = new Map()
    const raised = new Map<number, number>()
    for (const [slot, { shard, trimHorizon, isEstimate, retentionBytes }] of decided) {
      // A bound that was raised or lifted meanwhile may let all of it stay.
      const bound = shard.settings.retentionBytes
      if (!shard.served || bound === 0 || bound > retentionBytes) continue
      const number = Math.min(trimHorizon, shard.tail)
      // A horizon within a batch would keep all of it on the disk, and count as if most of it could go.
      const base = isEstimate ? await this.#options.horizons.baseOf(shard, number) : number
      if (base === undefined || base <= shard.trimHorizon) continue
      raised.set(slot, base)
      this.#options.log.debug(
        { shard: shard.label, trimHorizon: base },
        'records go because the stream has a bound in bytes',
      )
    }
    return raised
  }

  /** In the order of their numbers for each shard, without what has expired. */
  async #liveSpans(shards: readonly HostedShard[]): Promise<readonly LiveSpan[]> {
    const { horizons } = this.#options
    const found = await this.#spansOf(new Map(shards.map((shard) => [shard.slot, shard])))
    const oldest = new Map(found.toReversed().map(({ shard, span }) => [shard, span.firstArrival]))
    const now = horizons.now()
    const stale = shards.filter((shard) => (oldest.get(shard) ?? 0) < horizons.cutoffOf(shard, now))
    // What has expired is not what makes the stream too large.
    await Promise.all(stale.map((shard) => horizons.refresh(shard)))
    return found.map(liveSpan).filter(({ shard, bytes }) => shard.served && bytes > 0)
  }

  async #spansOf(shards: ReadonlyMap<number, HostedShard>): Promise<readonly FoundSpan[]> {
    const { surveys, segmentLists, time } = this.#options
    const budget = new TurnBudget(time, hostLimits.spansPerTurn)
    const found: FoundSpan[] = []
    for (const list of segmentLists()) {
      for (const survey of surveys.of(list)) {
        if (!survey) continue
        for (const span of survey.spans) {
          const shard = shards.get(span.slot)
          if (shard && shard.trimHorizon < span.next) found.push({ shard, span })
        }
        await budget.spend(survey.spans.length)
      }
    }
    return found
  }
}

function liveSpan({ shard, span }: FoundSpan): LiveSpan {
  const from = Math.max(shard.trimHorizon, span.first)
  return { shard, span, from, bytes: liveBytesOf(span, from) }
}

/** When its last batch arrived, as far as its stamp is to be believed. */
function lastArrivalOf({ shard, span }: FoundSpan): number {
  return Math.min(span.lastArrival, shard.arrivedBy)
}
