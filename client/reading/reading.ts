// Reading a stream, or one shard of it: finds the shards and where to begin in each, has an intake bring their batches,
// and sets shards going again wherever they are after whatever happened. Runs in the client. Every record from the
// begin on arrives once, in order within its shard; a shard's parents are drained before it is begun (see lineage.ts).
import { arrivalTimeAt, baseSequenceNumberAt } from '../../protocol/batch/batch.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { Endpoint } from '../connecting/address.ts'
import { resolveDecoder, type Codec } from '../codecs.ts'
import { asMillraceError, closedError } from '../errors.ts'
import { checkPlaces } from './position.ts'
import type { StreamRecord } from '../record.ts'
import { backoffMs, boundsFor, mayRepeat } from '../retry.ts'
import type { Routing } from '../connecting/routing.ts'
import { onAbort, sleep } from '../waiting.ts'
import { endTimeOf, type EndTime } from './end-time.ts'
import { endOf, Inbox } from './inbox.ts'
import type { Intake, IntakeEvents } from './intake.ts'
import { ReadingLag } from './lag.ts'
import { Lineage, wasRead } from './lineage.ts'
import type { ReadingOptions } from './options.ts'
import type { ReadingDependencies, ReadingPlan } from './plan.ts'
import { RecordIterator, recordBatches } from './record-iterator.ts'
import type { ShardCursor } from './shard-cursor.ts'
import { endAtTime, resolveStart, type StartDependencies } from './start.ts'
import type { OnUnreadable } from './unreadable.ts'

const NO_BYTES = new Uint8Array(0)

/**
 * Records of a stream as they are read: an async iterable, of one loop. Leaving the loop closes the reading. Made by
 * `client.read` and `client.subscribe`.
 */
export class Reading<T> implements AsyncIterable<StreamRecord<T>>, AsyncDisposable {
  /** Name of the stream that it reads. */
  readonly stream: string
  /** Fulfils when the begin is fixed in every shard: a record appended from then on lies behind 'LATEST'. */
  readonly started: Promise<void>
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
  /** The shard that is read alone. */
  #only: ShardCursor | undefined
  #children: readonly string[] = []
  #endTime: EndTime | undefined
  /** The time is over: every shard has its end, and those that appear now are none of ours. */
  #isEndFixed = false
  /** Shards to be begun together, at the end of this turn. */
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
    // Who loops learns of a failure there; who waits for the start, here.
    this.started.catch((error: unknown) => this.#end(asMillraceError(error), 'now'))
    if (options.signal !== undefined)
      this.#stopListening = onAbort(options.signal, () => this.abort(options.signal?.reason))
  }

  /**
   * How far the loop is behind, in milliseconds, at the moment of asking: by the broker's clock, the age of the record that
   * the loop was handed last, while its shard holds a newer one that is to be read; 0 while none does. Of several shards, the
   * one that is furthest behind. What has arrived and waits for the loop counts as not read, so that it grows while the loop
   * is busy. Before a shard's first record it is the age of the oldest one that waits; of a shard that cannot be reached,
   * the time since it was heard last, since a newer record may be there. Undefined until the broker has told of a shard.
   */
  get millisBehindLatest(): number | undefined {
    if (this.#lineage === undefined) return undefined
    if (this.#lineage.isOver) return this.#lag.millis([], this.#dependencies.settings.monotonic()) ?? 0
    return this.#lag.millis(this.#lineage.active, this.#dependencies.settings.monotonic())
  }

  /**
   * The shards that took the place of the one that the option `shard` names: known when the reading has ended because
   * that shard is closed and read to its end; empty before, and otherwise. After a merge there is one, which another
   * shard has for a parent too: whoever wants the order of each key reads both parents first.
   */
  get children(): readonly string[] {
    return this.#children
  }

  /** One record after another. */
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

  /** Ends it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #source() {
    return {
      inbox: this.#inbox,
      codec: this.#codec,
      onUnreadable: this.#onUnreadable,
      close: () => this.close(),
    }
  }

  /** 'later' lets the loop use what has arrived. */
  #end(error: MillraceError | undefined, when: 'now' | 'later'): void {
    if (when === 'now') this.#inbox.discard(error)
    else this.#inbox.end(error)
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#stopListening?.()
    clearImmediate(this.#turn)
    this.#intake?.close()
    this.#dependencies.onClosed()
  }

  async #start(): Promise<void> {
    const { settings, brokerTime } = this.#dependencies
    const { onTrimmed = 'fail' } = this.#options
    const { from, until, makeIntake } = this.#plan
    const { signal } = this.#closing
    const start = async () => {
      checkPlaces({ from, until, shard: this.#options.shard })
      this.#endTime = await endTimeOf(until, () => brokerTime(signal))
      // Until the time is over, every shard is followed.
      const end = this.#endTime === undefined ? until : undefined
      return resolveStart({ from, until: end, onTrimmed, shardIndex: this.#onlyShard }, this.#lookups)
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

  get #lookups(): StartDependencies {
    return { ...this.#dependencies, signal: this.#closing.signal }
  }

  get #onlyShard(): number | undefined {
    const { shard } = this.#options
    return shard === undefined ? undefined : parseShardId(shard)
  }

  /** Whether shards that appear while reading are read too. */
  get #follows(): boolean {
    if (this.#options.shard !== undefined || this.#isEndFixed) return false
    return this.#plan.until === undefined || this.#endTime !== undefined
  }

  #events(): IntakeEvents {
    return {
      closing: this.#closing.signal,
      inbox: this.#inbox,
      arrived: (cursor, batches, next) => this.#arrived(cursor, batches, next),
      unreadable: (cursor, error) => this.#unreadable(cursor, error),
      ended: (cursor) => this.#ended(cursor),
      lost: (cursors, error) => this.#lost(cursors, error),
    }
  }

  #arrived(cursor: ShardCursor, batches: readonly Uint8Array[], next: number): boolean {
    if (cursor.isDone) return false
    cursor.failures = 0
    cursor.lag.find()
    this.#heardAt = this.#dependencies.settings.monotonic()
    let from = cursor.next
    for (const [i, batch] of batches.entries()) {
      if (this.#endTime?.isBefore(batch) === true) {
        cursor.until = Math.min(cursor.until, baseSequenceNumberAt(batch, 0))
        break
      }
      cursor.bufferedBytes += batch.length
      cursor.lag.waits(arrivalTimeAt(batch, 0))
      const end = endOf(batches[i + 1], { from, next })
      this.#inbox.put({ cursor, batch, from, until: cursor.until, next: end })
      from = end
    }
    cursor.next = Math.max(cursor.next, next)
    if (cursor.isDone) this.#drain(cursor)
    return !cursor.isDone
  }

  /** Goes on behind records that the broker cannot read, where that was asked for. They are reported when the loop gets there. */
  #unreadable(cursor: ShardCursor, error: MillraceError): boolean {
    const { nextSequenceNumber: next = 0 } = error
    if (this.#onUnreadable === 'fail' || next <= cursor.next) {
      this.#lost([cursor], error)
      return false
    }
    this.#inbox.put({ cursor, batch: NO_BYTES, from: cursor.next, until: cursor.until, next, error })
    return this.#arrived(cursor, [], next)
  }

  /** The shard is read as far as it is to be read. */
  #drain(cursor: ShardCursor): void {
    this.#lag.left(cursor)
    this.#lineage!.drain(cursor)
    this.#goOn(this.#lineage!)
  }

  /** The shard is closed and read to its end; its children may be younger than the routing that is known. */
  #ended(cursor: ShardCursor): void {
    cursor.tail = cursor.next
    this.#lag.left(cursor)
    if (this.#follows || cursor === this.#only) this.#lineage!.end(cursor)
    else this.#lineage!.drain(cursor)
    this.#goOn(this.#lineage!)
  }

  /** Begins the shards whose turn has come, and looks for children that are not known yet. Ends when nothing is left. */
  #goOn(lineage: Lineage): void {
    this.#beginSoon(lineage.begin())
    if (lineage.seeksChildren) this.#seekChildren(lineage)
    if (lineage.isOver) this.#finish(lineage.routing)
  }

  #finish(routing: Routing): void {
    const only = this.#onlyShard
    const isAtEnd =
      only !== undefined && routing.shard(only)?.state !== 'OPEN' && this.#only?.isAtTail !== false
    if (isAtEnd) this.#children = routing.childrenOf(only).map(shardIdOf)
    this.#end(undefined, 'later')
  }

  /** All that are to be begun in one turn are: many shards that end at once are followed by as many in one request. */
  #beginSoon(cursors: readonly ShardCursor[]): void {
    for (const cursor of cursors) this.#toBegin.add(cursor)
    if (this.#toBegin.size > 0) this.#turn ??= setImmediate(() => this.#begin(this.#lineage!.routing))
  }

  #begin(routing: Routing): void {
    this.#turn = undefined
    const byHost = new Map<Endpoint, ShardCursor[]>()
    const cursors = [...this.#toBegin]
    this.#toBegin.clear()
    for (const cursor of cursors) {
      const endpoint = routing.hostOf(cursor.shardIndex)
      if (endpoint === undefined) this.#expired(cursor, routing)
      else byHost.set(endpoint, [...(byHost.get(endpoint) ?? []), cursor])
    }
    const { streamId } = routing
    for (const [endpoint, ofHost] of byHost) this.#intake!.begin(ofHost, { endpoint, streamId })
  }

  /** The shard has expired as a whole: there is nothing left to read. Whether something is missed, is told as for records. */
  #expired(cursor: ShardCursor, routing: Routing): void {
    const { onTrimmed = 'fail' } = this.#options
    if (onTrimmed === 'horizon' || wasRead(cursor, routing)) {
      this.#drain(cursor)
      return
    }
    const message = `${cursor.shardId} expired before it was read to its end: it was read up to ${cursor.next}.`
    this.#end(new MillraceError('trimmed', message), 'later')
  }

  #lost(cursors: readonly ShardCursor[], error: MillraceError): void {
    const { settings, stream } = this.#dependencies
    if (error.retry === 'never' || this.#isHopeless) {
      this.#end(error, 'later')
      return
    }
    settings.log({ level: 'info', message: 'some shards cannot be read for now', stream, error })
    for (const cursor of cursors) {
      cursor.failures++
      cursor.lag.lose(settings.monotonic())
    }
    this.#inBackground(this.#comeBack(cursors, error))
  }

  /** Sets shards going again where they are now. */
  async #comeBack(cursors: readonly ShardCursor[], error: MillraceError): Promise<void> {
    const { retry, random } = this.#dependencies.settings
    const failures = Math.max(...cursors.map((cursor) => cursor.failures))
    const delayMs = backoffMs(boundsFor(error, retry), failures - 1, random, error.retryAfterMs)
    await sleep(delayMs, this.#closing.signal)
    const lineage = await this.#refresh()
    this.#beginSoon(cursors.filter((cursor) => lineage.active.has(cursor)))
    this.#goOn(lineage)
  }

  #seekChildren(lineage: Lineage): void {
    if (this.#isSeekingChildren) return
    this.#isSeekingChildren = true
    this.#lag.seeksSince(this.#dependencies.settings.monotonic())
    this.#inBackground(this.#findChildren(lineage))
  }

  /** However many shards end, one request finds the children of all that have ended when it is made. */
  async #findChildren(lineage: Lineage): Promise<void> {
    const { retry, random } = this.#dependencies.settings
    for (let attempt = 0; lineage.seeksChildren; attempt++) {
      if (attempt > 0) {
        await sleep(
          backoffMs(boundsFor({ retry: 'reroute' }, retry), attempt - 1, random),
          this.#closing.signal,
        )
      }
      await this.#refresh()
      this.#goOn(lineage)
    }
    // Set in the same turn as the last look: an end in between would wait for nobody.
    this.#isSeekingChildren = false
    this.#lag.seeksSince(undefined)
  }

  /** Goes by a newer routing, once there is one. */
  async #refresh(): Promise<Lineage> {
    const { routings, stream } = this.#dependencies
    const lineage = this.#lineage!
    const routing = await this.#insist((signal) => routings.refresh(stream, lineage.routing, signal))
    return this.#adopt(routing)
  }

  #adopt(routing: Routing): Lineage {
    const lineage = this.#lineage!
    if (routing.streamId !== lineage.routing.streamId) {
      const stream = JSON.stringify(this.#dependencies.stream)
      throw new MillraceError('streamNotFound', `${stream} was deleted and made again.`)
    }
    lineage.adopt(routing, { follows: this.#follows })
    return lineage
  }

  /** Once the time is over, fixes the end of every shard that may hold an earlier record. */
  async #endAt(end: EndTime): Promise<void> {
    const { routings, stream, brokerTime } = this.#dependencies
    await end.passed(() => this.#insist(brokerTime), this.#closing.signal)
    const lineage = this.#adopt(await this.#insist((signal) => routings.fresh(stream, signal)))
    this.#isEndFixed = true
    const { unfinished } = lineage
    await this.#insist(() => endAtTime(unfinished, end.time, lineage.routing, this.#lookups))
    for (const cursor of unfinished) if (cursor.isDone) lineage.drain(cursor)
    this.#goOn(lineage)
  }

  /** Asks until there is an answer; fails for what is for good, or when nothing was heard for too long. */
  async #insist<A>(ask: (signal: AbortSignal) => Promise<A>): Promise<A> {
    const { retry, random } = this.#dependencies.settings
    const { signal } = this.#closing
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask(signal)
      } catch (error) {
        if (!mayRepeat(error, true) || this.#isHopeless) throw error
      }
      await sleep(backoffMs(retry, attempt, random), signal)
    }
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
