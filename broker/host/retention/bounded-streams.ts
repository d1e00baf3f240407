// Counts what this host stores of streams with a bound in bytes, and keeps the horizons that the controller decides by those
// counts. Host main thread. Only the controller sees all hosts of a stream.
// A count is never too high: expired records and segments that are not surveyed yet count as 0. The active segment counts, but
// no horizon is raised into it: its bytes cannot be removed from the disk yet, so its records may stay readable.
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
  /** Returns the current segments of all owners. */
  readonly segmentLists: () => readonly SegmentList[]
  readonly time: Time
  readonly log: Logger
}

interface DecidedTrim {
  readonly shard: HostedShard
  readonly trimHorizon: number
  readonly isEstimate: boolean
  /** The bound by which the controller decided. */
  readonly retentionBytes: number
}

interface FoundSpan {
  readonly shard: HostedShard
  readonly span: SegmentSpan
}

/** The readable part of a span. */
interface LiveSpan extends FoundSpan {
  readonly from: number
  readonly bytes: number
}

export class BoundedStreams {
  readonly #options: BoundedStreamsOptions
  /** Horizons decided since maintenance last ran, by slot. */
  #decided = new Map<number, DecidedTrim>()

  constructor(options: BoundedStreamsOptions) {
    this.#options = options
  }

  /** Returns pairs of stream id and bytes for streams with a bound: the last count, plus what was stored since. */
  totals(): Float64Array {
    const totals = new Map<number, number>()
    for (const { settings, streamId, bytes } of this.#options.shards.all()) {
      if (settings.retentionBytes > 0) totals.set(streamId, (totals.get(streamId) ?? 0) + bytes)
    }
    return Float64Array.from([...totals].flat())
  }

  /** Counts a stream again, and returns its oldest spans until they hold `excessBytes`. */
  async storedSpans(streamId: number, excessBytes: number): Promise<StoredSpans> {
    const shards = this.#options.shards.shardsOf(streamId)
    const spans = await this.#liveSpans(shards)
    const sealedBytes = spans.reduce((sum, span) => sum + span.bytes, 0)
    const activeBytes = shards.reduce((sum, shard) => sum + shard.activeLiveBytes, 0)
    // The sort is stable and arrival times never fall, so the spans of one shard stay in their order.
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

  /** Keeps horizons until maintenance runs. They replace those that were decided before. */
  decide({ streamId, retentionBytes, trims }: BoundedTrims): void {
    for (const { shardIndex, trimHorizon, isEstimate } of trims) {
      const shard = this.#options.shards.find(streamId, shardIndex)
      if (shard) this.#decided.set(shard.slot, { shard, trimHorizon, isEstimate, retentionBytes })
    }
  }

  /**
   * Returns the horizons, by slot, that were decided since the last call. Readers see them only once they are durable, because
   * after a crash no other source says that they were that high.
   */
  async takeHorizons(): Promise<ReadonlyMap<number, number>> {
    const decided = this.#decided
    this.#decided = new Map()
    const raised = new Map<number, number>()
    for (const [slot, { shard, trimHorizon, isEstimate, retentionBytes }] of decided) {
      // If the bound was raised or removed meanwhile, all records may stay.
      const bound = shard.settings.retentionBytes
      if (!shard.served || bound === 0 || bound > retentionBytes) continue
      const number = Math.min(trimHorizon, shard.tail)
      // A horizon within a batch keeps the whole batch on the disk, while most of it would count as removable.
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

  /** Returns the spans without expired records, for each shard in the order of their numbers. */
  async #liveSpans(shards: readonly HostedShard[]): Promise<readonly LiveSpan[]> {
    const { horizons } = this.#options
    const found = await this.#spansOf(new Map(shards.map((shard) => [shard.slot, shard])))
    const oldest = new Map(found.toReversed().map(({ shard, span }) => [shard, span.firstArrival]))
    const now = horizons.now()
    const stale = shards.filter((shard) => (oldest.get(shard) ?? 0) < horizons.cutoffOf(shard, now))
    // Expired records must not count as part of the stream's size.
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

/** Returns when the last batch arrived, as far as its stamp can be trusted. */
function lastArrivalOf({ shard, span }: FoundSpan): number {
  return Math.min(span.lastArrival, shard.arrivedBy)
}
