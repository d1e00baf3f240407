// The owners that this host has adopted, and what happens on their answers and notices. Host main thread.
// If a running owner ends, the host breaks. An owner without shards that cannot be opened because the disk is full is left
// out, so that the host serves the others; the controller places no shard on it, and asks for another attempt when it needs it.
import { invariant } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { HostSettings } from '../../host-contract.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { OwnerStats, SegmentList, ShardExtent } from '../../threads/owner-contract.ts'
import { AppendSettlement } from '../append/append-outcome.ts'
import { hostLimits } from '../host-limits.ts'
import { OwnerLink, type OwnerChannel } from './owner-link.ts'
import type { TailCache } from '../tail/tail-cache.ts'
import type { ShardsBySlot, ShardWakes } from '../shards/shards-contract.ts'
import type { SegmentDirectory } from '../shards/with-segments.ts'
import type { Time } from '../../time.ts'

type Place = HostSettings['owners'][number]

/**
 * Adopts an owner's directory, and runs the owner on its own thread or on this one. Rejects if it cannot be opened; with
 * `storageFull` if the disk has no room for that.
 */
export type StartOwner = (owner: Place, settings: HostSettings) => Promise<OwnerChannel>

export interface OwnersOptions {
  readonly settings: HostSettings
  readonly startOwner: StartOwner
  readonly shards: ShardsBySlot
  readonly cache: TailCache
  readonly wakes: ShardWakes
  /** Called when an owner runs. */
  readonly onAdopted: (owner: OwnerLink) => void
  /** Called when an owner's segment list changes. */
  readonly onSegments: (ownerId: number, list: SegmentList) => void
  readonly onBroken: (error: Error) => void
  readonly time: Time
  readonly metrics: Instruments
  readonly log: Logger
}

/** The state of an owner when the metrics are scraped. */
export interface OwnerReading {
  readonly ownerId: number
  /** How long the oldest unanswered call to the owner has been waiting. */
  readonly waitingMs: number
  /** Absent if the owner did not answer in time. */
  readonly stats?: OwnerStats
}

export class Owners implements SegmentDirectory {
  readonly #options: OwnersOptions
  readonly #settlement: AppendSettlement
  readonly #links = new Map<number, OwnerLink>()
  /** The owners that were left out, by number. */
  readonly #absent = new Map<number, Place>()
  /** The attempt to start absent owners that runs now. */
  #attempt: Promise<void> | undefined
  #isClosed = false

  /** Makes the set without owners; `start` starts them. */
  constructor(options: OwnersOptions) {
    this.#options = options
    this.#settlement = new AppendSettlement(options)
  }

  get all(): readonly OwnerLink[] {
    return [...this.#links.values()]
  }

  /** The numbers of the owners that do not run, because the disk had no room for them. They have no shards. */
  get absent(): readonly number[] {
    return [...this.#absent.keys()]
  }

  /** Says as a sentence that an owner is absent; null if all run. */
  get trouble(): string | null {
    const [ownerId] = this.#absent.keys()
    return ownerId === undefined ? null : `owner ${ownerId} does not run: the disk has no room for its files`
  }

  /**
   * Starts the owners of the settings; first those that have shards, so that no new owner takes their room. Leaves out an
   * owner without shards for which the disk has no room. Rejects if one cannot be started otherwise; `close` then closes
   * those that were.
   */
  async start(withShards: ReadonlySet<number>): Promise<void> {
    const { owners } = this.#options.settings
    const needed = owners.filter(({ ownerId }) => withShards.has(ownerId))
    const others = owners.filter(({ ownerId }) => !withShards.has(ownerId))
    await allDone(needed.map((place) => this.#adopt(place)))
    await allDone(others.map((place) => this.#adoptOrLeaveOut(place)))
  }

  /** Tries again to start the absent owners. Never rejects: what cannot be started stays absent. */
  async startAbsent(): Promise<void> {
    if (this.#isClosed || this.#absent.size === 0) return
    this.#attempt ??= this.#adoptAbsent().finally(() => (this.#attempt = undefined))
    await this.#attempt
  }

  of(ownerId: number): OwnerLink {
    const owner = this.#links.get(ownerId)
    if (this.#absent.has(ownerId))
      throw refusal('unavailable', `Owner ${ownerId} does not run: the disk is full.`)
    invariant(owner, `this host has not adopted owner ${ownerId}`)
    return owner
  }

  segmentsOf(ownerId: number): SegmentList {
    const { segments } = this.of(ownerId)
    if (!segments) throw refusal('unavailable', `Owner ${ownerId} is not ready to be read.`)
    return segments
  }

  /** Returns each owner's counters and waiting time; without the counters for an owner that does not answer soon. */
  readings(): Promise<readonly OwnerReading[]> {
    const { time } = this.#options
    return Promise.all(
      this.all.map((owner) => {
        const { ownerId, waitingMs } = owner
        return new Promise<OwnerReading>((resolve, reject) => {
          const cancel = time.after(hostLimits.ownerStatsMs, () => resolve({ ownerId, waitingMs }))
          const counted = owner.stats().then((stats) => ({ ownerId, waitingMs, stats }))
          counted.finally(cancel).then(resolve, reject)
        })
      }),
    )
  }

  /** Closes all owners, each after the work queued for it; rejects at the end if one could not be closed cleanly. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#attempt
    const closed = await Promise.allSettled(this.all.map((owner) => owner.close()))
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason
  }

  async #adopt(place: Place): Promise<void> {
    const { settings, startOwner, onAdopted } = this.#options
    const owner = this.#link(place.ownerId, await startOwner(place, settings))
    this.#links.set(place.ownerId, owner)
    onAdopted(owner)
  }

  async #adoptOrLeaveOut(place: Place): Promise<void> {
    try {
      await this.#adopt(place)
    } catch (error) {
      if (!MillraceError.is(error, 'storageFull')) throw error
      const { ownerId } = place
      this.#absent.set(ownerId, place)
      const what = 'the disk has no room for an owner without shards: it takes none until there is room'
      this.#options.log.warn({ ownerId, reason: error.message }, `${what}; free some, or grow the disk`)
    }
  }

  /** One after the other: together each could take room that one of them needs, and none would start. */
  async #adoptAbsent(): Promise<void> {
    const { log } = this.#options
    for (const [ownerId, place] of this.#absent) {
      if (this.#isClosed) return
      try {
        await this.#adopt(place)
        this.#absent.delete(ownerId)
        log.info({ ownerId }, 'the disk has room for the owner now: it runs')
      } catch (error) {
        if (!MillraceError.is(error, 'storageFull'))
          log.warn({ ownerId, err: error }, 'the owner cannot be opened')
      }
    }
  }

  #link(ownerId: number, channel: OwnerChannel): OwnerLink {
    const { settings, onSegments, onBroken, time, metrics, log } = this.#options
    const settlement = this.#settlement
    return new OwnerLink({
      ownerId,
      channel,
      queueBytes: settings.appendQueueBytes,
      listener: {
        onOutcome: (group, outcome) => settlement.settle(group, outcome),
        onFailure: (group, error) => settlement.fail(group, error),
        onReopened: (extents) => this.#reopened(extents),
        onSegments: (list) => onSegments(ownerId, list),
        onBroken,
      },
      time,
      metrics,
      log,
    })
  }

  #reopened(extents: readonly ShardExtent[]): void {
    const { shards, wakes } = this.#options
    for (const extent of extents) {
      const shard = shards.findSlot(extent.slot)
      if (!shard) continue
      shard.reopened(extent)
      wakes.mark(shard)
    }
  }
}

/** Fulfils when all have; rejects with the first failure once all are settled. */
async function allDone(works: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
}
