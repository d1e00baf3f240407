// The upkeep of one owner's segments: makes horizons durable, drops what nobody wants, says what could be compacted, and seals
// the active segment when it is due. Host main thread.
// Removal goes by what the owner says is wanted, and by horizons that are durable before anything below them goes.
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

/** What maintenance asks of an owner. */
export interface MaintainedOwner {
  readonly ownerId: number
  /** Where its records lie; undefined until it has said so. */
  readonly segments: SegmentList | undefined
  /** Free space is below the floor. */
  readonly storageFull: boolean
  /** Raises trim horizons, durably. */
  trim(horizons: readonly ShardHorizon[]): Promise<void>
  /** What of its sealed segments is still wanted. */
  wanted(): Promise<Wanted>
  /** Seals the active segment; false where there was nothing in it. */
  roll(): Promise<boolean>
  /** Puts a compacted segment in the place of others, or drops them. */
  replaceSegments(request: OwnerCalls['replaceSegments']['request']): Promise<void>
}

export interface UpkeepOptions {
  readonly owner: MaintainedOwner
  readonly shards: ShardsBySlot & EveryShard
  readonly horizons: Horizons
  readonly surveys: Surveys
  readonly settings: { readonly segmentBytes: number; readonly segmentAgeMs: number }
  /** What a compacted segment may take while the disk is nearly full. */
  readonly scarceRoomBytes: number
  readonly time: Time
  readonly metrics: Instruments
  readonly log: Logger
}

/** Which segments are left alone, and why. */
export interface Holds {
  /** Being compacted. */
  readonly isBusy: (segment: string) => boolean
  /** To compact them has failed lately. */
  readonly isFailing: (segment: string) => boolean
}

/** What could be compacted, and what of it is wanted. */
export interface CompactionCandidate {
  readonly owner: MaintainedOwner
  readonly directory: string
  readonly plan: CompactionPlan
  readonly wanted: readonly ShardHorizon[]
}

export class OwnerUpkeep {
  readonly #options: UpkeepOptions
  #active: string | undefined
  /** When the active segment was first looked at: it may be told to have begun later, by a clock that was ahead then. */
  #activeSeenAt: number | undefined
  /** Bytes in the active segment that belonged to shards which are served no more. */
  #forgottenBytes = 0

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#active = options.owner.segments?.segments.at(-1)
  }

  get owner(): MaintainedOwner {
    return this.#options.owner
  }

  /** The owner's segments are others now. */
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

  /** A shard is served no more, and had so much in the active segment. */
  forgot(activeBytes: number): void {
    this.#forgottenBytes += activeBytes
  }

  /**
   * Makes the horizons durable that readers know already, and those of `bounded`, by slot, which they know from then on.
   * Answers those that hold now.
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

  /** Drops what nobody wants, by horizons that are durable, and answers what could be compacted. */
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

  /** Seals the active segment where that lets something go. */
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
    // A compaction may have ended since the list was asked for, and have taken some of it away.
    const listed = new Set(owner.segments?.segments)
    for (const survey of surveys.of(list)) {
      // One that is being compacted stays for now, whatever becomes of what is in it.
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
      'removed segments that nobody wants',
    )
  }
}
