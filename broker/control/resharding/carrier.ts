// Carries a change of shards through the steps of its journal. Runs in the controller.
// It only goes forward: every step may be repeated, and is, until it has worked. A host that is down is waited for, a
// controller that ends in between is followed by one that reads the journal. Only the deletion of the stream stops it.
import { invariant, InvariantError } from '../../../protocol/invariant.ts'
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import type { PlacedShard } from '../../host-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import { pause, withDeadline, type Time } from '../../time.ts'
import { plannedShards, shardsOf, type CatalogState, type Journal, type Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import type { HostFleet } from '../fleet.ts'
import { placedShard } from '../routing.ts'
import { isServedAlike, servedSettings } from '../stream-settings.ts'
import { failDeleted, planFinish, planPublish, startAbove, type Cause } from './journal.ts'

/** Between two attempts at hosts that failed or refused. */
const RETRY_MS = 200
/** How long a client that asks for the routing waits for a change that is about to be published. */
const PUBLISH_WAIT_MS = 2_000

export interface CarrierOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
  readonly log: Logger
  /** Told of each change once its children take records. */
  readonly onPublished?: (change: { readonly cause: Cause; readonly tookMs: number }) => void
}

/** What a host is asked for one change. */
interface Part {
  readonly sealed: { readonly shardIndex: number; readonly children: readonly number[] }[]
  readonly opened: { readonly shardIndex: number }[]
}

export class Carrier {
  readonly #options: CarrierOptions
  /** Who waits for the change of a stream to be published. */
  readonly #waiting = new Map<number, Set<() => void>>()
  /** Why the change of a stream has not gone on at its last attempt. */
  readonly #obstacles = new Map<number, string>()
  #isStopped = false

  constructor(options: CarrierOptions) {
    this.#options = options
  }

  /** Gives up waiting for hosts; a change under way stays where it is, for the next start. */
  stop(): void {
    this.#isStopped = true
    for (const streamId of this.#waiting.keys()) this.#tellWaiting(streamId)
  }

  /**
   * Carries the change that is under way to its end; without one it fulfils at once. `begunAt` is when it was decided
   * on, in elapsed time. Rejects with `streamNotFound` when the stream is being deleted, `outcomeUnknown` when the broker stops.
   */
  async carry(streamId: number, fail: Fail<'streamNotFound'>, begunAt?: number): Promise<void> {
    const { catalog, time, log } = this.#options
    try {
      for (;;) {
        const stream = this.#goingOn(streamId, fail)
        const journal = catalog.state.journals.get(streamId)
        if (journal === undefined) return
        try {
          await this.#advance(stream, journal, begunAt)
        } catch (cause) {
          if (cause instanceof InvariantError) throw cause
          if (this.#isStopped || !catalog.isOpen) throw interrupted(cause)
          // A host that stays down fails every time alike, which is worth saying once.
          const failure = cause instanceof Error ? cause.message : String(cause)
          const { step } = journal
          if (failure !== this.#obstacles.get(streamId))
            log.warn({ err: cause, stream: stream.name, step }, 'change of shards waits')
          this.#obstacles.set(streamId, failure)
          await pause(time, RETRY_MS)
        }
      }
    } finally {
      this.#obstacles.delete(streamId)
      this.#tellWaiting(streamId)
    }
  }

  /** What the change under way of a stream waits for, as a sentence; undefined where nothing is known to be in its way. */
  obstacleOf(streamId: number): string | undefined {
    return this.#obstacles.get(streamId)
  }

  /** The stream, if it goes on; throws where it is being deleted or the broker is stopping. */
  #goingOn(streamId: number, fail: Fail<'streamNotFound'>): Stream {
    const { catalog } = this.#options
    const stream = catalog.state.streams.get(streamId)
    if (this.#isStopped || !catalog.isOpen) throw interrupted(undefined)
    if (stream?.status === 'ACTIVE') return stream
    return failDeleted(fail)
  }

  /** Waits, if shards of the stream are being sealed, until their children are known; not for long, and never rejects. */
  async whenPublished(streamId: number): Promise<void> {
    const { catalog, time } = this.#options
    if (this.#isStopped || plannedShards(catalog.state, streamId).length === 0) return
    const waiting = this.#waiting.get(streamId) ?? new Set()
    this.#waiting.set(streamId, waiting)
    let tell = (): void => {}
    const published = new Promise<void>((resolve) => {
      tell = resolve
      waiting.add(tell)
    })
    await withDeadline(published, time, PUBLISH_WAIT_MS, () => new Error('not yet')).catch(() => {})
    waiting.delete(tell)
  }

  #tellWaiting(streamId: number): void {
    const waiting = this.#waiting.get(streamId) ?? []
    this.#waiting.delete(streamId)
    for (const resolve of waiting) resolve()
  }

  async #advance(stream: Stream, journal: Journal, begunAt: number | undefined): Promise<void> {
    const { catalog, fleet, time } = this.#options
    const parts = this.#partsOf(stream.id, journal)
    // All or none: shards that are sealed here would wait for a host that is down there.
    for (const hostId of parts.keys()) fleet.requireReady(hostId)
    if (journal.step === 'sealing') {
      const tails = await this.#seal(stream.id, parts)
      await this.#open(parts, plannedChildren(stream, journal, tails))
      const isPublished = await catalog.change((state) =>
        planPublish(state, stream.id, { tails, now: time.now() }),
      )
      if (isPublished) this.#published(stream.id, journal, begunAt)
    } else {
      const children = openedChildren(catalog.state, stream, journal)
      // A host that restarted before the change was published knows neither that its parents have children nor the children.
      await Promise.all([this.#open(parts, children), this.#seal(stream.id, parts)])
      const settings = servedSettings(stream)
      await catalog.change((state) => {
        const now = state.streams.get(stream.id)
        // Settings that changed while children were being opened may have missed them: then this step is done once more.
        const isTold = now === undefined || isServedAlike(now, settings)
        return isTold ? planFinish(state, stream.id) : { changes: [], result: undefined }
      })
    }
  }

  /** What each host has to do. */
  #partsOf(streamId: number, { moves }: Journal): ReadonlyMap<number, Part> {
    const { catalog, fleet } = this.#options
    const shards = shardsOf(catalog.state, streamId)
    const parts = new Map<number, Part>()
    const partOf = (ownerId: number): Part => {
      const { hostId } = fleet.hostOf(ownerId)
      const part = parts.get(hostId) ?? { sealed: [], opened: [] }
      parts.set(hostId, part)
      return part
    }
    for (const { parents, children } of moves) {
      const indexes = children.map(({ shardIndex }) => shardIndex)
      for (const shardIndex of parents) {
        const ownerId = shards.get(shardIndex)?.ownerId
        invariant(
          ownerId !== undefined,
          `shard ${shardIndex} of stream ${streamId} stays while it is being changed`,
        )
        partOf(ownerId).sealed.push({ shardIndex, children: indexes })
      }
      for (const { shardIndex, ownerId } of children) partOf(ownerId).opened.push({ shardIndex })
    }
    return parts
  }

  /** Seals the parents; fulfils with their final tails. */
  async #seal(streamId: number, parts: ReadonlyMap<number, Part>): Promise<ReadonlyMap<number, number>> {
    const { fleet } = this.#options
    const tails = new Map<number, number>()
    await Promise.all(
      [...parts].map(async ([hostId, { sealed: shards }]) => {
        if (shards.length === 0) return
        const { extents } = await fleet.call(hostId, 'sealShards', { streamId, shards })
        for (const { shardIndex, tail, closed } of extents) if (closed) tails.set(shardIndex, tail)
        const missing = shards.find(({ shardIndex }) => !tails.has(shardIndex))
        if (missing === undefined) return
        throw refusal('unavailable', `Host ${hostId} has not sealed shard ${missing.shardIndex} yet.`)
      }),
    )
    return tails
  }

  async #open(parts: ReadonlyMap<number, Part>, children: ReadonlyMap<number, PlacedShard>): Promise<void> {
    await Promise.all(
      [...parts].map(async ([hostId, { opened }]) => {
        if (opened.length === 0) return
        const shards = opened.map(({ shardIndex }) => {
          const child = children.get(shardIndex)
          invariant(child !== undefined, `child ${shardIndex} stays while its parents are being changed`)
          return child
        })
        await this.#options.fleet.call(hostId, 'openShards', { shards })
      }),
    )
  }

  #published(streamId: number, { moves, cause, startedAt }: Journal, begunAt: number | undefined): void {
    const { catalog, time, log, onPublished } = this.#options
    this.#tellWaiting(streamId)
    const stream = catalog.state.streams.get(streamId)
    // Begun by an earlier process, whose stopwatch is gone.
    const tookMs = Math.max(0, begunAt === undefined ? time.now() - startedAt : time.elapsed() - begunAt)
    onPublished?.({ cause, tookMs })
    log.info(
      {
        stream: stream?.name,
        cause,
        parents: listed(moves.flatMap(({ parents }) => parents)),
        children: listed(moves.flatMap(({ children }) => children.map(({ shardIndex }) => shardIndex))),
        epoch: stream?.epoch,
        tookMs: Math.round(tookMs),
      },
      'shards changed',
    )
  }
}

/** The children as their hosts need them, above everything that their parents stored. */
function plannedChildren(
  stream: Stream,
  { moves }: Journal,
  tails: ReadonlyMap<number, number>,
): ReadonlyMap<number, PlacedShard> {
  return new Map(
    moves.flatMap(({ parents, children }) => {
      const startingSequenceNumber = startAbove(parents, tails)
      return children.map((child) => {
        const placed = placedShard(stream, { ...child, startingSequenceNumber, children: [] })
        return [child.shardIndex, placed] as const
      })
    }),
  )
}

/** The same once they are in the catalog. */
function openedChildren(
  state: CatalogState,
  stream: Stream,
  { moves }: Journal,
): ReadonlyMap<number, PlacedShard> {
  const shards = shardsOf(state, stream.id)
  const made = moves.flatMap(({ children }) =>
    children.flatMap(({ shardIndex }) => shards.get(shardIndex) ?? []),
  )
  return new Map(
    made.map((shard) => [
      shard.index,
      placedShard(stream, { ...shard, shardIndex: shard.index, children: [] }),
    ]),
  )
}

function interrupted(cause: unknown): MillraceError {
  // Rows were written, so `unavailable` would promise too much.
  const message = 'The broker stops before the change is done, and goes on with it when it is back.'
  return refusal('outcomeUnknown', message, { cause })
}

/** Indexes for a line of the log; of a wave of many, the first ones and their count. */
function listed(indexes: readonly number[]): string {
  const shown = indexes.slice(0, 8).join(' ')
  return indexes.length > 8 ? `${shown} … (${indexes.length} in all)` : shown
}
