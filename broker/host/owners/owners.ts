// The owners that this host has adopted, and what happens on their answers and notices. Host main thread.
// The host runs only while all its owners run: if one ends, the host breaks.
import { invariant } from '../../../protocol/invariant.ts'
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

/** Adopts an owner's directory, and runs the owner on its own thread or on this one. Rejects if it cannot be opened. */
export type StartOwner = (
  owner: HostSettings['owners'][number],
  settings: HostSettings,
) => Promise<OwnerChannel>

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

  /** Makes the set without owners; `start` starts them. */
  constructor(options: OwnersOptions) {
    this.#options = options
    this.#settlement = new AppendSettlement(options)
  }

  get all(): readonly OwnerLink[] {
    return [...this.#links.values()]
  }

  /** Starts the owners of the settings. Rejects if one cannot be started; `close` then closes those that were. */
  async start(): Promise<void> {
    const { settings, startOwner, onAdopted } = this.#options
    const starting = settings.owners.map(async (place) => {
      const owner = this.#link(place.ownerId, await startOwner(place, settings))
      this.#links.set(place.ownerId, owner)
      onAdopted(owner)
    })
    const failed = (await Promise.allSettled(starting)).find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
  }

  of(ownerId: number): OwnerLink {
    const owner = this.#links.get(ownerId)
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
    const closed = await Promise.allSettled(this.all.map((owner) => owner.close()))
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason
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
