// Removes closed shards that nobody can read from and nobody asks about any more. Runs in the controller.
// Rows first, hosts second, rows again: a shard leaves the catalog, its owner forgets it, and then the catalog what there was
// to forget. A host that starts in between is never given a slot that is forgotten; what was cut off is done by a later sweep.
// A shard goes only after all of its parents: readers find their way through what is left, oldest first.
import { InvariantError } from '../../protocol/invariant.ts'
import { limits } from '../../protocol/limits.ts'
import type { CatalogChange } from '../catalog-contract.ts'
import type { Instruments } from '../telemetry/instruments.ts'
import type { Logger } from '../telemetry/log.ts'
import { crash } from '../channels/calls.ts'
import { withDeadline, type Time } from '../time.ts'
import {
  putStream,
  shardsOf,
  type CatalogState,
  type RetiredShard,
  type Shard,
  type Stream,
} from './catalog-state.ts'
import type { Catalog, CatalogPlan } from './catalog.ts'
import { liveExtents } from './descriptions.ts'
import { byHost, type HostFleet } from './fleet.ts'

/** Between two sweeps. */
const SWEEP_EVERY_MS = 10_000
/** A sweep waits no longer than this for a host to forget shards. */
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
  /** When each closed shard was first seen, by a watch that does not jump: a clock that does removes nothing. */
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

  /** What fails is tried again at the next sweep. */
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

  /** By stream: shards that nobody asks about any more, whether they are expired or not. */
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
      // Too damaged to be served: all of it is kept for as long as anything was promised.
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

  /** Lets owners forget what has left, at this sweep or before, and then the catalog. */
  async #forget(): Promise<void> {
    const { catalog, fleet } = this.#options
    const drops = [...byHost(fleet, [...catalog.state.retired.values()])].map(([hostId, own]) =>
      this.#drop(hostId, own),
    )
    const slots = (await Promise.all(drops)).flat().map(({ slot }) => slot)
    if (slots.length > 0 && !this.#isStopped) await catalog.change((state) => planForget(state, slots))
  }

  /** Those of the shards that their host has forgotten: all, or none where it does not answer. */
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

/** By the clock: it may have jumped. */
function closedForMs({ closedAt }: Shard, time: Time): number {
  return closedAt === null ? 0 : time.now() - closedAt
}

function idOf({ streamId, index }: Shard): string {
  return `${streamId}/${index}`
}

/** The rows of expired shards go, and what their owners have to forget stands for them; answers which there still were. */
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

/** Owners have forgotten the shards in these slots. */
function planForget(state: CatalogState, slots: readonly number[]): CatalogPlan<void> {
  const known = slots.filter((slot) => state.retired.has(slot))
  return { changes: known.map((key) => ({ remove: { family: 'retired', key } })), result: undefined }
}
