// Reading a stream, or one shard of it: finds the shards and where to begin in each, has an intake bring their batches,
// and sets shards going again wherever they are after whatever happened. Runs in the client. Every record from the
// begin on arrives once, in order within its shard; a shard's parents are drained before it is begun.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { parseShardId } from '../../protocol/shard-id.ts'
import type { Address } from '../address.ts'
import { resolveDecoder, type Codec } from '../codecs.ts'
import { asMillraceError, closedError } from '../errors.ts'
import type { ConnectionPool } from '../pool.ts'
import type { Position } from '../position.ts'
import type { StreamRecord } from '../record.ts'
import { backoffMs, mayRepeat } from '../retry.ts'
import type { Routing, RoutingCache } from '../routing.ts'
import type { Settings } from '../settings.ts'
import { onAbort, sleep } from '../waiting.ts'
import { Inbox, type ArrivedBatch } from './inbox.ts'
import type { ReadingOptions } from './options.ts'
import { RecordIterator, recordBatches } from './record-iterator.ts'
import { isReadable, type ShardCursor } from './shard-cursor.ts'
import { resolveNewcomers, resolveStart } from './start.ts'

export interface ReadingDependencies {
  readonly stream: string
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly onClosed: () => void
}

/** How a reading gets its batches: by asking (reader) or by being sent them (subscription). */
export interface Intake {
  /** Bring what these shards of one host have from their `next` on. */
  begin(cursors: readonly ShardCursor[], place: { address: Address; streamId: number }): void
  /** A batch has left the inbox. */
  taken(arrived: ArrivedBatch): void
  close(): void
}

/** What an intake tells. */
export interface IntakeEvents {
  readonly closing: AbortSignal
  readonly inbox: Inbox
  /** Batches of the shard came; `next` is the number behind them. False when the shard has nothing more to give. */
  arrived(cursor: ShardCursor, batches: readonly Uint8Array[], next: number): boolean
  /** The closed shard was read to its end. */
  ended(cursor: ShardCursor): void
  /** The shards' records come no more; what to do follows from the error. */
  lost(cursors: readonly ShardCursor[], error: MillraceError): void
}

export interface ReadingPlan {
  readonly from: Position
  /** Undefined to follow. */
  readonly until: Position | undefined
  readonly makeIntake: (events: IntakeEvents, shardCount: number) => Intake
}

/**
 * Records of a stream as they are read: an async iterable, of one loop. Leaving the loop closes the reading. Made by
 * `client.read` and `client.subscribe`.
 */
export class Reading<T> implements AsyncIterable<StreamRecord<T>>, AsyncDisposable {
  readonly stream: string
  /** Fulfils when the begin is fixed in every shard: a record appended from then on lies behind 'LATEST'. */
  readonly started: Promise<void>
  readonly #dependencies: ReadingDependencies
  readonly #options: ReadingOptions<T>
  readonly #plan: ReadingPlan
  readonly #codec: Codec<never, T>
  readonly #closing = new AbortController()
  readonly #inbox = new Inbox((arrived) => {
    arrived.cursor.bufferedBytes -= arrived.batch.length
    this.#intake?.taken(arrived)
  })
  readonly #stopListening: (() => void) | undefined
  #intake: Intake | undefined
  #routing: Routing | undefined
  /** Shards that wait for their parents to be drained, shards being read, and shards that were. */
  readonly #waiting = new Map<number, ShardCursor>()
  readonly #active = new Set<ShardCursor>()
  readonly #drained = new Set<number>()
  /** Shards that this reading has to do with; those that it leaves out from the start are not among them. */
  readonly #known = new Set<number>()
  /** Shards that were there at the start: what appears later is a child of something that was read. */
  #original: ReadonlySet<number> = new Set()
  /** Shards that were lost and are to be found again, and shards that ended and whose children are to be found. */
  readonly #stranded = new Set<ShardCursor>()
  readonly #ended = new Set<number>()
  #isRecovering = false
  #heardAt = 0

  constructor(options: ReadingOptions<T>, plan: ReadingPlan, dependencies: ReadingDependencies) {
    this.stream = dependencies.stream
    this.#dependencies = dependencies
    this.#options = options
    this.#plan = plan
    this.#codec = resolveDecoder(options.codec)
    this.started = this.#start()
    // Who loops learns of a failure there; who waits for the start, here.
    this.started.catch((error: unknown) => this.#end(asMillraceError(error), 'now'))
    if (options.signal !== undefined)
      this.#stopListening = onAbort(options.signal, () => this.abort(options.signal?.reason))
  }

  /** Age of the oldest record that has not arrived, over all shards, as the broker said last; undefined at first. */
  get millisBehindLatest(): number | undefined {
    const behind = [...this.#active].map((cursor) => cursor.millisBehindLatest ?? 0)
    return this.#routing === undefined ? undefined : Math.max(0, ...behind)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<StreamRecord<T>> {
    return new RecordIterator(this.#source())
  }

  /** The records in the batches in which they were appended, each of one shard: cheaper than one by one. */
  batches(): AsyncGenerator<StreamRecord<T>[], void, undefined> {
    return recordBatches(this.#source())
  }

  /** Ends the reading; a loop over it ends. */
  close(): Promise<void> {
    this.#end(undefined, 'now')
    return Promise.resolve()
  }

  /** Ends the reading; a loop over it throws `aborted`. */
  abort(reason?: unknown): void {
    this.#end(new MillraceError('aborted', 'The reading was ended.', { cause: reason }), 'now')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #source() {
    return { inbox: this.#inbox, codec: this.#codec, close: () => this.close() }
  }

  /** 'later' lets the loop use what has arrived. */
  #end(error: MillraceError | undefined, when: 'now' | 'later'): void {
    if (when === 'now') this.#inbox.discard(error)
    else this.#inbox.end(error)
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#stopListening?.()
    this.#intake?.close()
    this.#dependencies.onClosed()
  }

  async #start(): Promise<void> {
    const { routings, settings, pool, stream } = this.#dependencies
    const { shard, onTrimmed = 'fail' } = this.#options
    const { from, until, makeIntake } = this.#plan
    const { signal } = this.#closing
    const closedEarly = () => closedError('The reading')
    const shardIndex = shard === undefined ? undefined : parseShardId(shard)
    const { routing, cursors } = await resolveStart(
      { from, until, onTrimmed, shardIndex },
      { routings, settings, pool, stream, signal },
    ).catch((error: unknown) => {
      throw signal.aborted ? closedEarly() : error
    })
    if (signal.aborted) throw closedEarly()
    this.#routing = routing
    this.#heardAt = settings.monotonic()
    this.#original = new Set(routing.shards.map(({ index }) => index))
    this.#await(cursors)
    this.#intake = makeIntake(this.#events(), cursors.length)
    this.#beginReadable(routing)
  }

  #await(cursors: readonly ShardCursor[]): void {
    for (const cursor of cursors) {
      this.#known.add(cursor.shardIndex)
      this.#waiting.set(cursor.shardIndex, cursor)
    }
  }

  #events(): IntakeEvents {
    return {
      closing: this.#closing.signal,
      inbox: this.#inbox,
      arrived: (cursor, batches, next) => this.#arrived(cursor, batches, next),
      ended: (cursor) => this.#drain(cursor),
      lost: (cursors, error) => this.#strand(cursors, error),
    }
  }

  #arrived(cursor: ShardCursor, batches: readonly Uint8Array[], next: number): boolean {
    cursor.failures = 0
    this.#heardAt = this.#dependencies.settings.monotonic()
    for (const batch of batches) {
      cursor.bufferedBytes += batch.length
      this.#inbox.put({ cursor, batch, from: cursor.next, until: cursor.until })
    }
    cursor.next = Math.max(cursor.next, next)
    if (cursor.isDone) this.#drain(cursor)
    return !cursor.isDone
  }

  /** The shard is read as far as it goes, or as far as it is to be read. */
  #drain(cursor: ShardCursor): void {
    this.#active.delete(cursor)
    this.#drained.add(cursor.shardIndex)
    if (this.#follows && !cursor.isDone) {
      // Its children may be younger than the routing that is known.
      this.#ended.add(cursor.shardIndex)
      this.#recover()
    } else {
      this.#beginReadable(this.#routing!)
    }
  }

  /** Whether shards that appear while reading are read too. */
  get #follows(): boolean {
    return this.#plan.until === undefined && this.#options.shard === undefined
  }

  /** Begins the shards whose turn has come. Ends the reading when no shard is left. */
  #beginReadable(routing: Routing): void {
    this.#routing = routing
    const cursors: ShardCursor[] = []
    // A shard may be done before it is begun, and so make way for the next.
    for (
      let cursor = this.#nextReadable(routing);
      cursor !== undefined;
      cursor = this.#nextReadable(routing)
    ) {
      this.#waiting.delete(cursor.shardIndex)
      if (cursor.isDone) this.#drained.add(cursor.shardIndex)
      else cursors.push(cursor)
    }
    for (const cursor of cursors) this.#active.add(cursor)
    this.#begin(cursors, routing)
    if (this.#active.size + this.#waiting.size + this.#ended.size === 0) this.#end(undefined, 'later')
  }

  #nextReadable(routing: Routing): ShardCursor | undefined {
    const present = (index: number) => this.#known.has(index) && routing.shard(index) !== undefined
    const progress = { present, drained: this.#drained }
    for (const cursor of this.#waiting.values()) {
      const parents = routing.shard(cursor.shardIndex)?.parents ?? []
      if (isReadable({ parents }, progress)) return cursor
    }
    return undefined
  }

  #begin(cursors: readonly ShardCursor[], routing: Routing): void {
    const byHost = new Map<Address, ShardCursor[]>()
    for (const cursor of cursors) {
      const address = routing.addressOf(cursor.shardIndex)
      // Expired altogether: there is nothing left to read, and nothing to wait for.
      if (address === undefined) this.#drain(cursor)
      else byHost.set(address, [...(byHost.get(address) ?? []), cursor])
    }
    const { streamId } = routing
    for (const [address, ofHost] of byHost) this.#intake!.begin(ofHost, { address, streamId })
  }

  #strand(cursors: readonly ShardCursor[], error: MillraceError): void {
    const { settings, stream } = this.#dependencies
    if (error.retry === 'never' || this.#isHopeless) {
      this.#end(error, 'later')
      return
    }
    settings.log({ level: 'info', message: 'some shards cannot be read for now', stream, error })
    for (const cursor of cursors) {
      cursor.failures++
      this.#stranded.add(cursor)
    }
    this.#recover(error.retryAfterMs)
  }

  #recover(askedMs = 0): void {
    if (this.#isRecovering) return
    this.#isRecovering = true
    this.#findShards(askedMs).catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#end(asMillraceError(error), 'later')
    })
  }

  /** Asks where stranded shards are now, and what became of ended ones, until nothing is left to ask. */
  async #findShards(askedMs: number): Promise<void> {
    const { settings } = this.#dependencies
    for (let attempt = 0; this.#stranded.size + this.#ended.size > 0; attempt++) {
      const failures = Math.max(attempt, ...[...this.#stranded].map((cursor) => cursor.failures))
      if (failures > 0) {
        const delayMs = backoffMs(settings.retry, failures - 1, settings.random, askedMs)
        await sleep(delayMs, this.#closing.signal)
      }
      const routing = await this.#askRouting().catch((error: unknown) => {
        if (!mayRepeat(error, true) || this.#isHopeless) throw error
        return undefined
      })
      if (routing === undefined) continue
      for (const index of this.#ended) {
        // Still open: the routing is older than the end that was seen.
        if (routing.shard(index)?.state !== 'OPEN') this.#ended.delete(index)
      }
      const cursors = [...this.#stranded]
      this.#stranded.clear()
      this.#begin(cursors, routing)
      this.#beginReadable(routing)
    }
    // Set in the same turn as the last look at what is left: a loss in between would wait for nobody.
    this.#isRecovering = false
  }

  /** A newer routing; the shards that appeared in it wait for their parents from now on. */
  async #askRouting(): Promise<Routing> {
    const { routings, stream } = this.#dependencies
    const { signal } = this.#closing
    const known = this.#routing!
    const routing = await routings.refresh(stream, known, signal)
    if (routing.streamId !== known.streamId) {
      throw new MillraceError('streamNotFound', `${JSON.stringify(stream)} was deleted and made again.`)
    }
    if (!this.#follows) return routing
    const isNew = (index: number) => !this.#original.has(index) && !this.#known.has(index)
    const indexes = routing.shards.map(({ index }) => index).filter(isNew)
    this.#await(await resolveNewcomers(indexes, routing, { ...this.#dependencies, signal }))
    return routing
  }

  get #isHopeless(): boolean {
    const { monotonic, retry } = this.#dependencies.settings
    return monotonic() - this.#heardAt >= retry.giveUpAfterMs
  }
}
