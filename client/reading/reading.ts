// Reads a stream, or one shard of it: finds the shards and their first positions, lets an intake bring their batches, and
// resumes shards after failures and moves. Runs in the client. Every record from the begin on arrives once, in order within its
// shard; a shard's parents are drained before it is begun (see lineage.ts).
import { arrivalTimeAt, baseSequenceNumberAt } from '../../protocol/batch/batch.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import { resolveDecoder, type Codec } from '../codecs.ts'
import { decryptionOf } from '../encryption/of-stream.ts'
import { asMillraceError, closedError } from '../errors.ts'
import { checkPlaces, type StreamPosition } from './position.ts'
import type { StreamRecord } from '../record.ts'
import { backoffMs, boundsFor, insist, Pace } from '../retry.ts'
import { onAbort, sleep } from '../waiting.ts'
import { endTimeOf, type EndTime } from './end-time.ts'
import { endsOf, Inbox, NO_BYTES, offCourse } from './inbox.ts'
import { FirstAnswers, type Intake, type IntakeEvents } from './intake.ts'
import { ReadingLag } from './lag.ts'
import { Lineage, wasRead } from './lineage.ts'
import type { ReadingOptions } from './options.ts'
import type { ReadingDependencies, ReadingPlan, ReadRouting } from './plan.ts'
import { RecordIterator, recordBatches } from './record-iterator.ts'
import type { ShardCursor } from './shard-cursor.ts'
import { byHostOf, endAtTime, expiredUnread, madeAgain, notTrimmed, resolveStart } from './start.ts'
import type { OnUnreadable } from './unreadable.ts'

/**
 * The records of a stream, as an async iterable for one loop. Leaving the loop closes the reading. `client.read` and
 * `client.subscribe` make it.
 */
export class Reading<T> implements AsyncIterable<StreamRecord<T>>, AsyncDisposable {
  /** Name of the stream that is read. */
  readonly stream: string
  /** Fulfils when the begin is fixed in every shard: a record appended afterwards is after 'LATEST'. */
  readonly started: Promise<void>
  readonly #firstAnswers = new FirstAnswers()
  /**
   * Fulfils when a host has answered for every shard that is read first, and so has taken its subscription; or when the reading
   * has ended. Rejects with the error that ends the reading before.
   */
  readonly answered: Promise<void> = this.#firstAnswers.all
  readonly #dependencies: ReadingDependencies
  readonly #options: ReadingOptions<T>
  readonly #plan: ReadingPlan
  readonly #codec: Codec<never, T>
  readonly #onUnreadable: OnUnreadable
  readonly #closing = new AbortController()
  readonly #inbox = new Inbox((arrived) => {
    arrived.cursor.bufferedBytes -= arrived.batch.length
    this.#lag.taken(arrived.cursor)
    this.#intake?.taken(arrived)
  })
  readonly #stopListening: (() => void) | undefined
  #intake: Intake | undefined
  #lineage: Lineage | undefined
  /** The shard that the option `shard` names. */
  #only: ShardCursor | undefined
  #children: readonly string[] = []
  #endTime: EndTime | undefined
  /** True once the time of the end has passed: every shard has its end, and new shards are not read. */
  #isEndFixed = false
  /** Shards that begin together at the end of this turn. */
  readonly #toBegin = new Set<ShardCursor>()
  #turn: NodeJS.Immediate | undefined
  #isSeekingChildren = false
  #heardAt = 0
  readonly #lag = new ReadingLag()

  constructor(options: ReadingOptions<T>, plan: ReadingPlan, dependencies: ReadingDependencies) {
    this.stream = dependencies.stream
    this.#dependencies = dependencies
    this.#options = options
    this.#plan = plan
    this.#codec = resolveDecoder(options.codec)
    this.#onUnreadable = options.onUnreadable ?? 'fail'
    this.started = this.#start()
    // The loop throws a failure of the start too, so `started` may stay without a handler.
    this.started.catch((error: unknown) => this.#end(asMillraceError(error), 'now'))
    if (options.signal !== undefined)
      this.#stopListening = onAbort(options.signal, () => this.abort(options.signal?.reason))
  }

  /**
   * How far the loop is behind now, in milliseconds by the broker's clock: the age of the last record that the loop got, while
   * its shard has a newer one to be read; else 0. Of several shards, the one furthest behind counts. Records that wait for the
   * loop count as not read. Before a shard's first record it is the age of the oldest waiting one; for a shard that cannot be
   * reached, the time since its last answer. Undefined before the first answer.
   */
  get millisBehindLatest(): number | undefined {
    if (this.#lineage === undefined) return undefined
    if (this.#lineage.isOver) return this.#lag.millis([], this.#dependencies.settings.monotonic()) ?? 0
    return this.#lag.millis(this.#lineage.active, this.#dependencies.settings.monotonic())
  }

  /**
   * Where the loop is in the whole stream: after the records that it got, the last one included. Give it as `from` to
   * go on there, in this process or in another. Throws `unavailable` before `started`.
   */
  get position(): StreamPosition {
    if (this.#lineage === undefined)
      throw new MillraceError('unavailable', 'Wait for the first record, or for started.')
    const { routing, position } = this.#lineage
    return { streamId: routing.streamId, ...position, ...this.#plan.filter?.only }
  }

  /**
   * The children of the shard that the option `shard` names, once that shard is closed and read to its end; else empty. After a
   * merge there is one child with two parents: read both parents first to keep the order of each key.
   */
  get children(): readonly string[] {
    return this.#children
  }

  /** Iterates over single records. */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamRecord<T>> {
    return new RecordIterator(this.#source())
  }

  /** Iterates over batches as they were appended, each of one shard. This is cheaper than single records. */
  batches(): AsyncGenerator<StreamRecord<T>[], void, undefined> {
    return recordBatches(this.#source())
  }

  /** Ends the reading. A loop over it ends. */
  close(): Promise<void> {
    this.#end(undefined, 'now')
    return Promise.resolve()
  }

  /** Ends the reading. A loop over it throws `aborted`. */
  abort(reason?: unknown): void {
    this.#end(new MillraceError('aborted', 'The reading was ended.', { cause: reason }), 'now')
  }

  /** Ends the reading at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #source() {
    const { filter } = this.#plan
    const onUnreadable = this.#onUnreadable
    const { settings } = this.#dependencies
    const decryption = decryptionOf(this.stream, settings)
    const own = { inbox: this.#inbox, codec: this.#codec, close: () => this.close() }
    return { ...own, filter, onUnreadable, decryption }
  }

  /** Ends the reading; 'later' lets the loop first use the batches that have arrived. Returns false: no shard goes on. */
  #end(error: MillraceError | undefined, when: 'now' | 'later'): false {
    if (when === 'now') this.#inbox.discard(error)
    else this.#inbox.end(error)
    if (this.#closing.signal.aborted) return false
    this.#closing.abort()
    this.#firstAnswers.end(error)
    this.#stopListening?.()
    clearImmediate(this.#turn)
    this.#intake?.close()
    this.#dependencies.onClosed()
    return false
  }

  async #start(): Promise<void> {
    const { settings, brokerTime } = this.#dependencies
    const { onTrimmed = 'fail' } = this.#options
    const { from, until, makeIntake } = this.#plan
    const { signal } = this.#closing
    const lookups = { ...this.#dependencies, signal }
    const start = async () => {
      checkPlaces({ ...this.#options, from, until, only: this.#plan.filter?.only })
      this.#endTime = await endTimeOf(until, () => brokerTime(signal))
      // Every shard is followed until the time of the end has passed.
      const end = this.#endTime === undefined ? until : undefined
      return resolveStart({ from, until: end, onTrimmed, shardIndex: this.#onlyShard }, lookups)
    }
    const { routing, cursors } = await start().catch((error: unknown) => {
      throw signal.aborted ? closedError('The reading') : error
    })
    if (signal.aborted) throw closedError('The reading')
    this.#heardAt = settings.monotonic()
    this.#lineage = new Lineage(routing, cursors)
    if (this.#onlyShard !== undefined) this.#only = cursors[0]
    this.#intake = makeIntake(this.#events(), cursors.length)
    if (this.#endTime !== undefined) this.#inBackground(this.#endAt(this.#endTime))
    this.#goOn(this.#lineage)
  }

  get #onlyShard(): number | undefined {
    const { shard } = this.#options
    return shard === undefined ? undefined : parseShardId(shard)
  }

  /** True if shards that appear during the reading are read too. */
  get #follows(): boolean {
    if (this.#options.shard !== undefined || this.#isEndFixed) return false
    return this.#plan.until === undefined || this.#endTime !== undefined
  }

  #events(): IntakeEvents {
    return {
      closing: this.#closing.signal,
      inbox: this.#inbox,
      arrived: (cursor, batches, next) => this.#arrived(cursor, batches, next),
      trimmed: (cursor, horizon) => this.#trimmed(cursor, horizon),
      unreadable: (cursor, error) => this.#unreadable(cursor, error),
      ended: (cursor) => this.#ended(cursor),
      lost: (cursors, error) => this.#lost(cursors, error),
    }
  }

  #arrived(cursor: ShardCursor, batches: readonly Uint8Array[], next: number): boolean {
    if (cursor.isDone) return false
    const ends = endsOf(batches, { from: cursor.next, next })
    if (ends === undefined) return this.#end(offCourse(cursor, batches.length, next), 'later')
    for (const [i, batch] of batches.entries()) {
      const from = ends[i - 1] ?? cursor.next
      if (this.#endTime?.isBefore(batch) === true) {
        cursor.until = Math.min(cursor.until, baseSequenceNumberAt(batch, 0))
        break
      }
      cursor.bufferedBytes += batch.length
      cursor.lag.waits(arrivalTimeAt(batch, 0))
      this.#inbox.put({ cursor, batch, from, until: cursor.until, next: ends[i]! })
    }
    return this.#advance(cursor, next)
  }

  /** The shard's records up to the horizon have expired, and are left out. */
  #trimmed(cursor: ShardCursor, horizon: number): boolean {
    if (cursor.isDone) return false
    if (horizon > cursor.next) return this.#advance(cursor, horizon)
    return this.#end(notTrimmed(cursor.shardId, cursor.next, horizon), 'later')
  }

  /** Returns false when the shard has nothing more to give. */
  #advance(cursor: ShardCursor, next: number): boolean {
    this.#firstAnswers.came(cursor)
    if (next > cursor.next) cursor.failures = 0
    cursor.lag.find()
    this.#heardAt = this.#dependencies.settings.monotonic()
    cursor.next = next
    if (cursor.isDone) this.#drain(cursor)
    return !cursor.isDone
  }

  /** Skips records that the broker cannot read, if the caller wants that. They are reported when the loop gets there. */
  #unreadable(cursor: ShardCursor, error: MillraceError): boolean {
    const { firstSequenceNumber: first = 0, nextSequenceNumber: next = 0 } = error
    if (this.#onUnreadable === 'fail' || next <= cursor.next) {
      this.#lost([cursor], error)
      return false
    }
    if (first > cursor.next) return this.#end(offCourse(cursor, 0, first), 'later')
    this.#inbox.put({ cursor, batch: NO_BYTES, from: cursor.next, until: cursor.until, next, error })
    return this.#advance(cursor, next)
  }

  /** Called when the shard is read as far as wanted. */
  #drain(cursor: ShardCursor): void {
    this.#lag.left(cursor)
    this.#lineage!.drain(cursor)
    this.#goOn(this.#lineage!)
  }

  /** Called when a closed shard is read to its end. Its children may be younger than the known routing. */
  #ended(cursor: ShardCursor): void {
    cursor.tail = cursor.next
    this.#lag.left(cursor)
    if (this.#follows || cursor === this.#only) this.#lineage!.end(cursor)
    else this.#lineage!.drain(cursor)
    this.#goOn(this.#lineage!)
  }

  /** Begins the shards whose turn has come, and looks for unknown children. Ends the reading if no shard is left. */
  #goOn(lineage: Lineage): void {
    const begun = lineage.begin()
    this.#firstAnswers.await(begun)
    this.#beginSoon(begun)
    if (lineage.seeksChildren && !this.#isSeekingChildren) this.#inBackground(this.#seekChildren(lineage))
    if (lineage.isOver) this.#finish(lineage.routing)
  }

  #finish(routing: ReadRouting): void {
    const only = this.#onlyShard
    const isAtEnd =
      only !== undefined && routing.shard(only)?.state !== 'OPEN' && this.#only?.isAtTail !== false
    if (isAtEnd) this.#children = routing.childrenOf(only).map(shardIdOf)
    this.#end(undefined, 'later')
  }

  /** Begins shards at the end of the turn, all in one request: many shards may end at once. */
  #beginSoon(cursors: readonly ShardCursor[]): void {
    for (const cursor of cursors) this.#toBegin.add(cursor)
    if (this.#toBegin.size > 0) this.#turn ??= setImmediate(() => this.#begin(this.#lineage!.routing))
  }

  #begin(routing: ReadRouting): void {
    this.#turn = undefined
    const { byHost, gone } = byHostOf([...this.#toBegin], routing)
    this.#toBegin.clear()
    for (const cursor of gone) this.#expired(cursor, routing)
    const { streamId } = routing
    for (const [endpoint, ofHost] of byHost) this.#intake!.begin(ofHost, { endpoint, streamId })
  }

  /** Called when the whole shard has expired. If unread records are lost, `onTrimmed` decides, as for single records. */
  #expired(cursor: ShardCursor, routing: ReadRouting): void {
    const { onTrimmed = 'fail' } = this.#options
    if (onTrimmed === 'horizon' || wasRead(cursor, routing)) {
      this.#drain(cursor)
      return
    }
    this.#end(expiredUnread(cursor.shardId, `it was read up to ${cursor.next}`), 'later')
  }

  #lost(cursors: readonly ShardCursor[], error: MillraceError): void {
    const { settings, stream } = this.#dependencies
    // Later the place may be that of its own earlier subscription.
    const isInUse = error.code === 'consumerInUse' && !this.#firstAnswers.haveCome
    if (error.retry === 'never' || (isInUse && this.#options.onInUse === 'fail') || this.#isHopeless) {
      this.#end(error, 'later')
      return
    }
    settings.log({ level: 'info', message: 'some shards cannot be read for now', stream, error })
    for (const cursor of cursors) cursor.lose(settings.monotonic())
    this.#inBackground(this.#comeBack(cursors, error))
  }

  /** Resumes shards at their present hosts. */
  async #comeBack(cursors: readonly ShardCursor[], error: MillraceError): Promise<void> {
    const { retry, random } = this.#dependencies.settings
    const failures = Math.max(...cursors.map((cursor) => cursor.failures))
    const delayMs = backoffMs(boundsFor(error, retry, failures), failures - 1, random, error.retryAfterMs)
    await sleep(delayMs, this.#closing.signal)
    const lineage = await this.#refresh()
    this.#beginSoon(cursors.filter((cursor) => lineage.active.has(cursor)))
    this.#goOn(lineage)
  }

  /** Finds children: one request serves all shards that have ended when it is made. */
  async #seekChildren(lineage: Lineage): Promise<void> {
    this.#isSeekingChildren = true
    this.#lag.seeksSince(this.#dependencies.settings.monotonic())
    const pace = new Pace(this.#dependencies.settings, { retry: 'reroute' })
    while (lineage.seeksChildren) {
      await pace.next(this.#closing.signal)
      await this.#refresh()
      this.#goOn(lineage)
    }
    // This must be set in the turn of the last check, or a shard that ends in between would wait for ever.
    this.#isSeekingChildren = false
    this.#lag.seeksSince(undefined)
  }

  /** Gets a newer routing, and uses it. */
  async #refresh(): Promise<Lineage> {
    const { routings, stream } = this.#dependencies
    const lineage = this.#lineage!
    const routing = await this.#insist((signal) => routings.refresh(stream, lineage.routing, signal))
    return this.#adopt(routing)
  }

  #adopt(routing: ReadRouting): Lineage {
    const lineage = this.#lineage!
    if (routing.streamId !== lineage.routing.streamId) throw madeAgain(this.#dependencies.stream)
    lineage.adopt(routing, { follows: this.#follows })
    return lineage
  }

  /** Waits until the time has passed, and then fixes the end of every shard that may have an earlier record. */
  async #endAt(end: EndTime): Promise<void> {
    const { routings, stream, brokerTime } = this.#dependencies
    await end.passed(() => this.#insist(brokerTime), this.#closing.signal)
    const lineage = this.#adopt(await this.#insist((signal) => routings.fresh(stream, signal)))
    this.#isEndFixed = true
    const { unfinished } = lineage
    const lookups = { ...this.#dependencies, signal: this.#closing.signal }
    await this.#insist(() => endAtTime(unfinished, end.time, lineage.routing, lookups))
    for (const cursor of unfinished) if (cursor.isDone) lineage.drain(cursor)
    this.#goOn(lineage)
  }

  /** Repeats a request until it is answered. Rejects for a permanent error, or after too long without an answer. */
  #insist<A>(ask: (signal: AbortSignal) => Promise<A>): Promise<A> {
    const { signal } = this.#closing
    const { settings } = this.#dependencies
    return insist(() => ask(signal), { settings, signal, isHopeless: () => this.#isHopeless })
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#end(asMillraceError(error), 'later')
    })
  }

  get #isHopeless(): boolean {
    const { monotonic, retry } = this.#dependencies.settings
    return monotonic() - this.#heardAt >= retry.giveUpAfterMs
  }
}
