// Retention and compaction on the disk, for all owners of a host. Host main thread; owners and the maintenance thread do the
// work. A run starts every few seconds, and soon after a segment was sealed or replaced: it finds what has expired, and
// removes or compacts it. One compaction runs at a time. A failure is logged and tried again later. Appends and reads need
// nothing from here, so only a broken invariant ends the host.
import { InvariantError } from '../../../protocol/invariant.ts'
import type { BoundedTrims, HostSettings, StoredSpans } from '../../host-contract.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { SegmentMaintenance } from '../../threads/maintenance-contract.ts'
import type { SegmentList, Wanted } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { EveryShard, ShardsByName, ShardsBySlot, ShardsOfStream } from '../shards/shards-contract.ts'
import type { Time } from '../../time.ts'
import { Backoff } from './backoff.ts'
import { BoundedStreams } from './bounded-streams.ts'
import { Compaction } from './compaction.ts'
import { Expiry } from './expiry.ts'
import type { Horizons } from './horizons.ts'
import { OwnerUpkeep, type CompactionCandidate, type Holds, type MaintainedOwner } from './owner-upkeep.ts'
import { Surveys } from './surveys.ts'

/** The part of the free-space floor that a compacted segment may take while the disk is nearly full. */
const SCARCE_PART = 1 / 4

/** Name under which all compactions back off while the disk is full. */
const COMPACTIONS = 'compactions'

export interface MaintenanceOptions {
  readonly settings: Pick<
    HostSettings,
    'segmentBytes' | 'segmentAgeMs' | 'compactionBytesPerSecond' | 'freeSpaceFloorBytes'
  >
  readonly shards: ShardsByName & ShardsBySlot & ShardsOfStream & EveryShard
  readonly horizons: Horizons
  readonly maintenance: SegmentMaintenance
  readonly time: Time
  readonly metrics: Instruments
  readonly log: Logger
  readonly onBroken: (error: Error) => void
}

/** Counters of compaction since the start, and the progress of the running one. */
export interface CompactionReading {
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Progress, 0 to 1; 0 while none runs. */
  readonly part: number
}

/** An owner, and its answers in this run. */
interface Looked {
  readonly upkeep: OwnerUpkeep
  readonly wanted: Wanted
}

export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #upkeeps = new Map<number, OwnerUpkeep>()
  readonly #surveys: Surveys
  readonly #expiry: Expiry
  readonly #bounded: BoundedStreams
  /** Backoff of the steps for each owner. */
  readonly #steps: Backoff
  /** Backoff of segments to compact, and of compaction as a whole. */
  readonly #compactions: Backoff
  readonly #cancelTimers: (() => void)[] = []
  #cancelSoon: (() => void) | undefined
  #looking: Promise<void> | undefined
  #compaction: Compaction | undefined
  #compacting: Promise<void> = Promise.resolve()
  #bytesRead = 0
  #bytesWritten = 0
  #isStopped = false

  constructor(options: MaintenanceOptions) {
    const { maintenance, shards, horizons, time, log } = options
    const { elapsed } = time
    this.#options = options
    const { maintenanceRetryMs: firstMs, upkeepRetryMsMax, rereadRetryMsMax, surveyedSpansMax } = hostLimits
    const retryMs = { firstMs, mostMs: rereadRetryMsMax }
    this.#steps = new Backoff({ elapsed, firstMs, mostMs: upkeepRetryMsMax })
    this.#compactions = new Backoff({ elapsed, ...retryMs })
    this.#surveys = new Surveys({ maintenance, spansMax: surveyedSpansMax, retryMs, elapsed, log })
    const surveyed = { shards, horizons, surveys: this.#surveys, time }
    this.#expiry = new Expiry(surveyed)
    const segmentLists = () => [...this.#upkeeps.values()].flatMap(({ owner }) => owner.segments ?? [])
    this.#bounded = new BoundedStreams({ ...surveyed, segmentLists, log })
  }

  /** Maintains an owner from now on. */
  adopt(owner: MaintainedOwner): void {
    const { settings } = this.#options
    const scarceRoomBytes = settings.freeSpaceFloorBytes * SCARCE_PART
    const surveys = this.#surveys
    this.#upkeeps.set(owner.ownerId, new OwnerUpkeep({ ...this.#options, owner, surveys, scarceRoomBytes }))
  }

  /** Starts the runs. Call it once the shards are served. */
  start(): void {
    if (this.#isStopped) return
    this.#cancelTimers.push(this.#options.time.every(hostLimits.maintenanceMs, () => this.#look()))
    this.#lookSoon()
  }

  /** Called when the list of an owner's segments changes. */
  segmentsChanged(ownerId: number, list: SegmentList): void {
    this.#upkeeps.get(ownerId)?.segmentsChanged(list)
    if (this.#cancelTimers.length > 0) this.#lookSoon()
  }

  /** Called when a shard is no longer served, so that its records are no longer wanted. */
  forgot(shard: HostedShard): void {
    this.#upkeeps.get(shard.ownerId)?.forgot(shard.activeBytes)
  }

  /** Returns the stored bytes of each stream that has a bound in bytes, as pairs of stream id and bytes. */
  boundedBytes(): Float64Array {
    return this.#bounded.totals()
  }

  /** Counts the stored bytes of one stream, and returns its oldest spans until they hold `excessBytes`. */
  storedSpans(streamId: number, excessBytes: number): Promise<StoredSpans> {
    return this.#bounded.storedSpans(streamId, excessBytes)
  }

  /** Raises horizons of a stream that is larger than its bound, in a run that starts soon. */
  trimToBound(trims: BoundedTrims): void {
    this.#bounded.decide(trims)
    if (this.#cancelTimers.length > 0) this.#lookSoon()
  }

  /** Bytes of all batches in surveyed sealed segments, wanted or not. */
  get sealedBytes(): number {
    return this.#surveys.bytes
  }

  get compaction(): CompactionReading {
    const running = this.#compaction
    return {
      bytesRead: this.#bytesRead + (running?.bytesRead ?? 0),
      bytesWritten: this.#bytesWritten + (running?.bytesWritten ?? 0),
      part: running?.part ?? 0,
    }
  }

  /** Starts nothing more, and stops a running compaction. */
  stop(): void {
    this.#isStopped = true
    for (const cancel of this.#cancelTimers.splice(0)) cancel()
    this.#cancelSoon?.()
    this.#compaction?.stop()
  }

  /** Fulfils when no work runs any more, so that owners may be closed. */
  async close(): Promise<void> {
    this.stop()
    await this.#looking
    await this.#compacting
    await this.#options.maintenance.close()
  }

  #lookSoon(): void {
    if (this.#cancelSoon || this.#isStopped) return
    this.#cancelSoon = this.#options.time.after(hostLimits.maintenanceSoonMs, () => {
      this.#cancelSoon = undefined
      this.#look()
    })
  }

  #look(): void {
    if (this.#isStopped) return
    // The next run sees changes that came during this one.
    if (this.#looking) return this.#lookSoon()
    this.#looking = this.#lookAtAll().then(
      () => void (this.#looking = undefined),
      (error: Error) => this.#options.onBroken(error),
    )
  }

  async #lookAtAll(): Promise<void> {
    const looked: Looked[] = []
    for (const upkeep of this.#upkeeps.values()) {
      const wanted = await this.#tried(upkeep, 'look', () => this.#lookAt(upkeep))
      if (wanted) looked.push({ upkeep, wanted })
    }
    const bounded = await this.#bounded.takeHorizons()
    const candidates: CompactionCandidate[] = []
    for (const { upkeep, wanted } of looked) {
      // Horizons cannot be made durable on a full disk, but records below durable horizons can still be removed.
      const horizons =
        (await this.#tried(upkeep, 'trim', () => upkeep.trim(wanted, bounded))) ??
        new Map(wanted.shards.map(({ slot, trimHorizon }) => [slot, trimHorizon]))
      const holds = this.#holdsOf(upkeep)
      const candidate = await this.#tried(upkeep, 'clear', () => upkeep.clear(wanted, horizons, holds))
      if (candidate) candidates.push(candidate)
      await this.#tried(upkeep, 'roll', () => upkeep.rollIfDue(wanted))
    }
    this.#compactBest(candidates)
  }

  async #lookAt({ owner }: OwnerUpkeep): Promise<Wanted> {
    const { ownerId } = owner
    const wanted = await owner.wanted()
    const { list } = wanted
    const listed = new Set(list.segments.map((segment) => compactionName(ownerId, segment)))
    const prefix = compactionName(ownerId, '')
    this.#compactions.forget((name) => name.startsWith(prefix) && !listed.has(name))
    await this.#surveys.learn(list, () => this.#isStopped)
    await this.#expiry.expire(ownerId, list)
    return wanted
  }

  /** Runs a step for an owner, unless it failed lately; returns undefined if it was not done. */
  async #tried<T>(upkeep: OwnerUpkeep, step: string, work: () => Promise<T>): Promise<T | undefined> {
    const { ownerId } = upkeep.owner
    const name = `${step} at owner ${ownerId}`
    if (this.#isStopped || this.#steps.isWaiting(name)) return undefined
    // Each step takes a turn of its own, because it looks at every shard of its owner: there may be tens of thousands.
    await new Promise<void>((resolve) => this.#options.time.atTurnEnd(resolve))
    try {
      const done = await work()
      this.#steps.succeeded(name)
      return done
    } catch (error) {
      if (error instanceof InvariantError) throw error
      if (this.#isStopped) return undefined
      const retryMs = this.#steps.failed(name)
      this.#options.log.warn({ err: error, ownerId, step, retryMs }, 'retention could not go on')
      return undefined
    }
  }

  #holdsOf({ owner: { ownerId } }: OwnerUpkeep): Holds {
    const running = this.#compaction
    return {
      isBusy: (segment) => running?.ownerId === ownerId && running.sources.has(segment),
      isFailing: (segment) => this.#compactions.isWaiting(compactionName(ownerId, segment)),
    }
  }

  #compactBest(candidates: readonly CompactionCandidate[]): void {
    if (this.#isStopped || this.#compaction || this.#compactions.isWaiting(COMPACTIONS)) return
    const best = candidates.toSorted((a, b) => b.plan.worth - a.plan.worth)[0]
    if (best) this.#compacting = this.#compact(best).catch(this.#options.onBroken)
  }

  async #compact({ owner, directory, plan, wanted }: CompactionCandidate): Promise<void> {
    const { maintenance, settings, time, metrics, log } = this.#options
    const { ownerId } = owner
    const compaction = (this.#compaction = new Compaction({
      place: { ownerId, directory, replaceSegments: (request) => owner.replaceSegments(request) },
      plan,
      wanted,
      bytesPerSecond: settings.compactionBytesPerSecond,
      maintenance,
      time,
      log,
    }))
    try {
      const { result, freedBytes } = await compaction.run()
      metrics.millrace_compactions_total.add(1, result)
      metrics.millrace_removed_bytes_total.add(Math.max(0, freedBytes))
      if (result === 'done') this.#compactions.succeeded(COMPACTIONS)
      else if (result === 'storageFull') this.#compactions.failed(COMPACTIONS)
      else if (result !== 'stopped') {
        for (const segment of plan.sources) this.#compactions.failed(compactionName(ownerId, segment))
      }
    } finally {
      this.#compaction = undefined
      this.#bytesRead += compaction.bytesRead
      this.#bytesWritten += compaction.bytesWritten
    }
  }
}

function compactionName(ownerId: number, segment: string): string {
  return `compaction at owner ${ownerId}: ${segment}`
}
