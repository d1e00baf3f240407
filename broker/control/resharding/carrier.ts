// Carries a change of shards through the steps of its journal. Runs in the controller.
// A change only goes forward: each step is repeated until it succeeds. The carrier waits for hosts that are down; after a
// crash the next controller reads the journal and continues. Only the deletion of the stream stops a change.
import { invariant, InvariantError } from '../../../protocol/invariant.ts'
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import type { PlacedShard } from '../../host-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import { pause, withDeadline, type Time } from '../../time.ts'
import { plannedShards, shardsOf, type CatalogState, type Journal, type Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import type { HostFleet } from '../hosts/fleet.ts'
import { placedShard } from '../routing.ts'
import { isServedAlike, servedSettings } from '../streams/stream-settings.ts'
import { failDeleted, planFinish, planPublish, startAbove, type Cause } from './journal.ts'

/** Delay before another attempt, after a host failed or refused. */
const RETRY_MS = 200
/** Longest time that a request for the routing waits for a change to be published. */
const PUBLISH_WAIT_MS = 2_000

export interface CarrierOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
  readonly log: Logger
  /** Called for each change once its children take records. */
  readonly onPublished?: (change: { readonly cause: Cause; readonly tookMs: number }) => void
}

/** What one host has to seal and to open for a change. */
interface Part {
  readonly sealed: { readonly shardIndex: number; readonly children: readonly number[] }[]
  readonly opened: { readonly shardIndex: number }[]
}

export class Carrier {
  readonly #options: CarrierOptions
  /** By stream id: functions to call when the stream's change is published or ends. */
  readonly #waiting = new Map<number, Set<() => void>>()
  /** By stream id: why the last attempt at the stream's change failed. */
  readonly #obstacles = new Map<number, string>()
  #isStopped = false

  constructor(options: CarrierOptions) {
    this.#options = options
  }

  /** Stops waiting for hosts; the next start continues a change under way. */
  stop(): void {
    this.#isStopped = true
    for (const streamId of this.#waiting.keys()) this.#tellWaiting(streamId)
  }

  /**
   * Carries the change under way to its end; fulfils at once where there is none. `begunAt` is the elapsed time of the
   * decision. Rejects with `streamNotFound` when the stream is being deleted, with `outcomeUnknown` when the broker stops.
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
          // A host that stays down fails the same way at every attempt, so only a new failure is logged.
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

  /** Returns a sentence that says what the stream's change waits for; undefined where no obstacle is known. */
  obstacleOf(streamId: number): string | undefined {
    return this.#obstacles.get(streamId)
  }

  /** Returns the stream; throws where it is being deleted or the broker is stopping. */
  #goingOn(streamId: number, fail: Fail<'streamNotFound'>): Stream {
    const { catalog } = this.#options
    const stream = catalog.state.streams.get(streamId)
    if (this.#isStopped || !catalog.isOpen) throw interrupted(undefined)
    if (stream?.status === 'ACTIVE') return stream
    return failDeleted(fail)
  }

  /** If shards of the stream are being sealed, waits up to two seconds until their children are published. Never rejects. */
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
    // All hosts must be ready: shards sealed on one host would be unwritable while another one is down.
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
      // A host that started before the change was published knows neither the children nor that its parents have children.
      await Promise.all([this.#open(parts, children), this.#seal(stream.id, parts)])
      const settings = servedSettings(stream)
      await catalog.change((state) => {
        const now = state.streams.get(stream.id)
        // Children that were being opened may have missed an update of the settings: then this step is repeated.
        const isTold = now === undefined || isServedAlike(now, settings)
        return isTold ? planFinish(state, stream.id) : { changes: [], result: undefined }
      })
    }
  }

  /** Groups the work of a change by host id. */
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

  /** Seals the parents; fulfils with their final tails, by shard index. */
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
    // A change that an earlier process began has no elapsed time here, so it is measured by the clock.
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

/** Returns planned children as their hosts need them; they start above all sequence numbers of their parents. */
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

/** Returns the children as their hosts need them, from their rows in the catalog. */
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
  const message = 'The broker stops before the change is done, and continues it after its restart.'
  return refusal('outcomeUnknown', message, { cause })
}

/** Lists shard indexes for a log line: the first eight and, where there are more, their number. */
function listed(indexes: readonly number[]): string {
  const shown = indexes.slice(0, 8).join(' ')
  return indexes.length > 8 ? `${shown} … (${indexes.length} in all)` : shown
}
