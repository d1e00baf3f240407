// Removes closed shards whose records have expired and whose producers have moved on. Runs in the controller.
// In three steps: a `retired` row replaces the shard's row, the owner forgets the shard, the `retired` row is removed. So a
// host that starts in between is never given a forgotten slot. A later sweep finishes what was interrupted.
// A shard is removed only after all of its parents, because readers walk the lineage from the oldest shard on.
import { InvariantError } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import type { CatalogChange } from '../../catalog-contract.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import { crash } from '../../channels/calls.ts'
import { withDeadline, type Time } from '../../time.ts'
import {
  putStream,
  shardsOf,
  type CatalogState,
  type RetiredShard,
  type Shard,
  type Stream,
} from '../catalog-state.ts'
import type { Catalog, CatalogPlan } from '../catalog.ts'
import { liveExtents } from '../descriptions.ts'
import { byHost, type HostFleet } from '../hosts/fleet.ts'

/** Delay from the end of a sweep to the next one. */
const SWEEP_EVERY_MS = 10_000
/** Longest time that a sweep waits for a host to forget shards. */
const DROP_DEADLINE_MS = 10_000

export interface ShardRetirementOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
  readonly instruments: Pick<Instruments, 'millrace_expired_shards_total'>
  readonly log: Logger
}

export class ShardRetirement {
  readonly #options: ShardRetirementOptions
  /** When each closed shard was first seen, in elapsed time: so a jump of the clock alone removes nothing. */
  readonly #seenAt = new Map<string, number>()
  #cancelSweep: (() => void) | undefined
  #isStopped = false

  constructor(options: ShardRetirementOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#isStopped) return
    this.#cancelSweep = this.#options.time.after(SWEEP_EVERY_MS, () => {
      this.#sweep().then(
        () => this.start(),
        (error: Error) => crash(error),
      )
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelSweep?.()
  }

  async #sweep(): Promise<void> {
    const { catalog } = this.#options
    for (const [streamId, shards] of this.#settledShards()) {
      const stream = catalog.state.streams.get(streamId)
      if (stream !== undefined) await this.#tried(() => this.#retire(stream, shards))
    }
    await this.#tried(() => this.#forget())
  }

  /** Runs a step; a failure is logged, and the next sweep tries again. */
  async #tried(step: () => Promise<void>): Promise<void> {
    const { catalog, log } = this.#options
    if (this.#isStopped || !catalog.isOpen) return
    try {
      await step()
    } catch (error) {
      if (error instanceof InvariantError) throw error
      if (this.#isStopped || !catalog.isOpen) return
      log.warn({ err: error }, 'expired shards could not be removed yet')
    }
  }

  /** By stream: shards closed for longer than a producer may stay idle, and without parents; expired or not. */
  #settledShards(): ReadonlyMap<number, readonly Shard[]> {
    const { catalog, time } = this.#options
    const { state } = catalog
    const nowMs = time.elapsed()
    const closed = new Set<string>()
    const isSettled = (shard: Shard): boolean => {
      const id = idOf(shard)
      closed.add(id)
      if (!this.#seenAt.has(id)) this.#seenAt.set(id, nowMs)
      const seenForMs = nowMs - (this.#seenAt.get(id) ?? nowMs)
      return Math.min(seenForMs, closedForMs(shard, time)) >= limits.producerIdleMsMin
    }
    const settled = new Map<number, readonly Shard[]>()
    for (const stream of state.streams.values()) {
      const all = shardsOf(state, stream.id)
      const shards = [...all.values()].filter((shard) => shard.state === 'CLOSED' && isSettled(shard))
      if (stream.status !== 'ACTIVE' || state.journals.has(stream.id)) continue
      const oldest = shards.filter(({ parents }) => !parents.some((parent) => all.has(parent)))
      if (oldest.length > 0) settled.set(stream.id, oldest)
    }
    for (const id of this.#seenAt.keys()) if (!closed.has(id)) this.#seenAt.delete(id)
    return settled
  }

  async #retire(stream: Stream, shards: readonly Shard[]): Promise<void> {
    const { catalog, fleet, time, instruments, log } = this.#options
    const { extents, answered } = await liveExtents(fleet, shards, time)
    const expired = shards.filter((shard) => {
      const extent = extents.get(shard.index)
      if (extent !== undefined) return extent.trimHorizon === extent.tail
      // A shard too damaged to be served has no extent: it is kept until all of its records must have expired.
      const isAnswered = answered.has(fleet.hostOf(shard.ownerId).hostId)
      return isAnswered && closedForMs(shard, time) >= stream.retentionMs
    })
    if (expired.length === 0 || this.#isStopped) return
    const indexes = expired.map(({ index }) => index)
    const retired = await catalog.change((state) => planRetire(state, stream.id, indexes))
    if (retired.length === 0) return
    instruments.millrace_expired_shards_total.add(retired.length)
    log.info({ stream: stream.name, shards: retired }, 'closed shards have expired and are removed')
  }

  /** Tells owners to forget all retired shards, and removes the `retired` rows of those that were forgotten. */
  async #forget(): Promise<void> {
    const { catalog, fleet } = this.#options
    const drops = [...byHost(fleet, [...catalog.state.retired.values()])].map(([hostId, own]) =>
      this.#drop(hostId, own),
    )
    const slots = (await Promise.all(drops)).flat().map(({ slot }) => slot)
    if (slots.length > 0 && !this.#isStopped) await catalog.change((state) => planForget(state, slots))
  }

  /** Tells a host to forget shards; returns those that it has forgotten: all, or none if it does not answer. */
  async #drop(hostId: number, shards: readonly RetiredShard[]): Promise<readonly RetiredShard[]> {
    const { fleet, time, log } = this.#options
    try {
      await withDeadline(fleet.call(hostId, 'dropShards', { shards }), time, DROP_DEADLINE_MS)
      return shards
    } catch (error) {
      if (error instanceof InvariantError) throw error
      log.warn({ err: error, hostId, shards }, 'host has not forgotten expired shards yet')
      return []
    }
  }
}

/** Measured by the wall clock, which may jump. */
function closedForMs({ closedAt }: Shard, time: Time): number {
  return closedAt === null ? 0 : time.now() - closedAt
}

function idOf({ streamId, index }: Shard): string {
  return `${streamId}/${index}`
}

/** Replaces the rows of expired shards by `retired` rows; returns the indexes of those that were still in the catalog. */
export function planRetire(
  state: CatalogState,
  streamId: number,
  indexes: readonly number[],
): CatalogPlan<readonly number[]> {
  const stream = state.streams.get(streamId)
  if (stream?.status !== 'ACTIVE') return { changes: [], result: [] }
  const shards = shardsOf(state, streamId)
  const retired = indexes
    .flatMap((index) => shards.get(index) ?? [])
    .filter(({ state: now }) => now === 'CLOSED')
  if (retired.length === 0) return { changes: [], result: [] }
  const rows = retired.flatMap(({ index: shardIndex, ownerId, slot }): CatalogChange[] => [
    { remove: { family: 'shard', key: { streamId, shardIndex } } },
    { put: { family: 'retired', key: slot, value: { ownerId, streamId, shardIndex } } },
  ])
  return {
    changes: [...rows, putStream(stream, { epoch: stream.epoch + 1 })],
    result: retired.map(({ index }) => index),
  }
}

/** Removes the `retired` rows of slots that their owners have forgotten. */
function planForget(state: CatalogState, slots: readonly number[]): CatalogPlan<void> {
  const known = slots.filter((slot) => state.retired.has(slot))
  return { changes: known.map((key) => ({ remove: { family: 'retired', key } })), result: undefined }
}
