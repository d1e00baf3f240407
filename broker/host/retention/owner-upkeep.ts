// Maintains the segments of one owner: makes horizons durable, drops segments without wanted records, finds segments to
// compact, and seals the active segment when it is due. Host main thread.
// The owner says which records are wanted. A horizon is durable before anything below it is removed.
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Survey } from '../../threads/maintenance-contract.ts'
import type { OwnerCalls, SegmentList, ShardHorizon, Wanted } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { EveryShard, ShardsBySlot } from '../shards/shards-contract.ts'
import type { Time } from '../../time.ts'
import { expiredBytesOf, isDueToRoll } from './active-segment.ts'
import type { Horizons } from './horizons.ts'
import {
  measureSegment,
  planSegments,
  type CompactionPlan,
  type SegmentMeasure,
  type WantedShards,
} from './retention-plan.ts'
import type { Surveys } from './surveys.ts'
import { TurnBudget } from './turn-budget.ts'

/** An owner, as maintenance uses it. */
export interface MaintainedOwner {
  readonly ownerId: number
  /** The list of its segments; undefined until the owner has sent it. */
  readonly segments: SegmentList | undefined
  /** True if free space is below the floor. */
  readonly storageFull: boolean
  /** Raises trim horizons, durably. */
  trim(horizons: readonly ShardHorizon[]): Promise<void>
  /** Returns which records of its sealed segments are still wanted. */
  wanted(): Promise<Wanted>
  /** Seals the active segment; returns false if it was empty. */
  roll(): Promise<boolean>
  /** Replaces segments by a compacted one, or drops them. */
  replaceSegments(request: OwnerCalls['replaceSegments']['request']): Promise<void>
}

export interface UpkeepOptions {
  readonly owner: MaintainedOwner
  readonly shards: ShardsBySlot & EveryShard
  readonly horizons: Horizons
  readonly surveys: Surveys
  readonly settings: { readonly segmentBytes: number; readonly segmentAgeMs: number }
  /** Most bytes that a compacted segment may take while the disk is nearly full. */
  readonly scarceRoomBytes: number
  readonly time: Time
  readonly metrics: Instruments
  readonly log: Logger
}

/** Which segments are left alone, and why. */
export interface Holds {
  /** Returns true if the segment is being compacted. */
  readonly isBusy: (segment: string) => boolean
  /** Returns true if compacting the segment has failed lately. */
  readonly isFailing: (segment: string) => boolean
}

/** A possible compaction, and which records of it are wanted. */
export interface CompactionCandidate {
  readonly owner: MaintainedOwner
  readonly directory: string
  readonly plan: CompactionPlan
  readonly wanted: readonly ShardHorizon[]
}

export class OwnerUpkeep {
  readonly #options: UpkeepOptions
  #active: string | undefined
  /** When this host first saw the active segment. The owner may give a later time, from a clock that was ahead. */
  #activeSeenAt: number | undefined
  /** Bytes in the active segment of shards that are no longer served. */
  #forgottenBytes = 0

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#active = options.owner.segments?.segments.at(-1)
  }

  get owner(): MaintainedOwner {
    return this.#options.owner
  }

  /** Called when the list of the owner's segments changes. */
  segmentsChanged({ segments }: SegmentList): void {
    const active = segments.at(-1)
    if (active === this.#active) return
    const isRoll = this.#active !== undefined
    this.#active = active
    this.#activeSeenAt = undefined
    if (!isRoll) return
    this.#forgottenBytes = 0
    for (const shard of this.#options.shards.all()) {
      if (shard.ownerId === this.owner.ownerId) shard.rolled()
    }
  }

  /** Called when a shard is no longer served, with its bytes in the active segment. */
  forgot(activeBytes: number): void {
    this.#forgottenBytes += activeBytes
  }

  /**
   * Makes horizons durable: those that readers already see, and those in `bounded`, by slot, which readers see from then on.
   * Returns the horizons that hold now.
   */
  async trim(
    { shards: durable }: Wanted,
    bounded: ReadonlyMap<number, number>,
  ): Promise<ReadonlyMap<number, number>> {
    const { owner, shards } = this.#options
    const horizons = new Map<number, number>()
    const raised: ShardHorizon[] = []
    for (const { slot, trimHorizon } of durable) {
      const known = shards.findSlot(slot)?.trimHorizon ?? 0
      const horizon = Math.max(trimHorizon, known, bounded.get(slot) ?? 0)
      horizons.set(slot, horizon)
      if (horizon > trimHorizon) raised.push({ slot, trimHorizon: horizon })
    }
    await owner.trim(raised)
    for (const { slot, trimHorizon } of raised) {
      if (bounded.has(slot)) shards.findSlot(slot)?.raiseHorizon(trimHorizon)
    }
    return horizons
  }

  /** Drops segments without wanted records, by durable horizons, and returns the possible compaction. */
  async clear(
    { list, refused }: Wanted,
    horizons: ReadonlyMap<number, number>,
    { isBusy, isFailing }: Holds,
  ): Promise<CompactionCandidate | undefined> {
    const { owner, settings, scarceRoomBytes } = this.#options
    const measures = await this.#measure(list, { horizons, refused: new Set(refused) }, isBusy)
    const { drop, compact: plan } = planSegments(measures, {
      segmentBytes: settings.segmentBytes,
      roomBytes: owner.storageFull ? scarceRoomBytes : Infinity,
      isHeld: isFailing,
    })
    for (const sources of drop) await this.#drop(list, sources)
    if (!plan) return undefined
    const wanted = Array.from(horizons, ([slot, trimHorizon]) => ({ slot, trimHorizon }))
    return { owner, directory: list.directory, plan, wanted }
  }

  /** Seals the active segment if that lets expired records be removed. */
  async rollIfDue({ activeBytes: bytes, activeSince: toldSince }: Wanted): Promise<void> {
    const { owner, shards, horizons, settings, time, log } = this.#options
    const now = horizons.now()
    const activeSince = Math.min(toldSince, (this.#activeSeenAt ??= time.now()))
    let deadBytes = this.#forgottenBytes
    for (const shard of shards.all()) {
      if (shard.ownerId !== owner.ownerId || shard.activeBytes === 0) continue
      const { activeBytes, lastArrivalTime } = shard
      const span = { bytes: activeBytes, lastArrivalTime, cutoff: horizons.cutoffOf(shard, now) }
      deadBytes += expiredBytesOf(span, activeSince)
    }
    const ageMs = time.now() - activeSince
    if (!isDueToRoll({ bytes, deadBytes, ageMs }, settings.segmentAgeMs)) return
    if (!(await owner.roll())) return
    log.info(
      { ownerId: owner.ownerId, bytes, deadBytes: Math.round(deadBytes), ageMs },
      'sealed a segment early',
    )
  }

  async #measure(
    list: SegmentList,
    wanted: WantedShards,
    isBusy: (segment: string) => boolean,
  ): Promise<readonly (SegmentMeasure | undefined)[]> {
    const { owner, surveys, time } = this.#options
    const budget = new TurnBudget(time, hostLimits.spansPerTurn)
    const measures: (SegmentMeasure | undefined)[] = []
    // A compaction may have ended since the list was requested, and have removed some of its segments.
    const listed = new Set(owner.segments?.segments)
    for (const survey of surveys.of(list)) {
      // A segment that is being compacted stays for now, even if nothing in it is wanted.
      const isFree = survey !== undefined && listed.has(survey.segment) && !isBusy(survey.segment)
      measures.push(isFree ? measureSegment(survey, wanted) : undefined)
      await budget.spend(survey?.spans.length ?? 0)
    }
    return measures
  }

  async #drop(list: SegmentList, sources: readonly string[]): Promise<void> {
    const { owner, surveys, metrics, log } = this.#options
    const gone = surveys.of(list).filter((survey) => survey && sources.includes(survey.segment)) as Survey[]
    const bytes = gone.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
    await owner.replaceSegments({ sources, target: null })
    metrics.millrace_removed_segments_total.add(sources.length)
    metrics.millrace_removed_bytes_total.add(bytes)
    log.info(
      { ownerId: owner.ownerId, segments: sources.length, bytes },
      'removed segments that hold no wanted records',
    )
  }
}
