// Reads batches of leased shards from all hosts for their handlers. Runs in the client. One request asks for all shards of a
// host. Each shard begins and stops by itself at any time, and holds no more than its share of the read-ahead bytes, so that a
// shard with a slow handler stops no other.
import { arrivalTimeAt } from '../../../protocol/batch/batch.ts'
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { endpointKey, type Endpoint } from '../../connecting/address.ts'
import type { ConnectionPool } from '../../connecting/pool.ts'
import type { Routing, RoutingCache } from '../../connecting/routing.ts'
import { asMillraceError } from '../../errors.ts'
import { Fetcher } from '../../reading/fetcher.ts'
import { wasRead } from '../../reading/lineage.ts'
import { endsOf, Inbox, NO_BYTES, offCourse, type ArrivedBatch } from '../../reading/inbox.ts'
import type { Intake, IntakeEvents } from '../../reading/intake.ts'
import { ShardCursor } from '../../reading/shard-cursor.ts'
import { ShardLookups } from '../../reading/start.ts'
import { Subscriber } from '../../reading/subscriber.ts'
import { backoffMs, boundsFor } from '../../retry.ts'
import type { Settings } from '../../settings.ts'
import { sleep } from '../../waiting.ts'
import { errorText } from '../error-text.ts'
import { groupLimits } from '../options.ts'
import { LoadFailed, loadedPosition, type LoadCheckpoint } from './external-position.ts'
import type { FanOut } from './fan-out.ts'
import type { LeasedShard } from './leased-shard.ts'

export interface ShardFeedsOptions {
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly client: Settings
  readonly mode: 'pull' | 'push'
  /** Reads as a registered consumer; undefined to share the limits of reads. */
  readonly fanOut: FanOut | undefined
  readonly maxWaitMs: number
  readonly bufferBytesMax: number
  /** Returns the application's own position; undefined if checkpoints are not external. */
  readonly loadCheckpoint: LoadCheckpoint | undefined
  /** Called when `loadCheckpoint` has failed. It is called again after `delayMs`. */
  readonly onLoadFailed: (shard: LeasedShard, failure: { error: Error; delayMs: number }) => void
  readonly onTrimmed: (shard: LeasedShard, place: { from: number; next: number }) => void
  /** Ends all reading. */
  readonly signal: AbortSignal
}

/** The batches of one shard that have arrived. */
export interface ShardFeed {
  readonly shard: LeasedShard
  /** Ends when the shard is read to its end; discarded when the feed is stopped. */
  readonly inbox: Inbox
  /** True once the closed shard was read to its end, or has expired. */
  readonly isEnded: boolean
}

interface Feed extends ShardFeed {
  isEnded: boolean
  isStopped: boolean
  /** True while the shard holds its share: it is not asked for. */
  isFull: boolean
  /** True if the group begins at the oldest record: it does not miss what has expired before. */
  isAtHorizon: boolean
}

export class ShardFeeds {
  readonly #options: ShardFeedsOptions
  readonly #intake: Intake
  readonly #feeds = new Map<ShardCursor, Feed>()
  readonly #toBegin = new Map<string, { endpoint: Endpoint; streamId: number; cursors: ShardCursor[] }>()
  #turn: NodeJS.Immediate | undefined
  #count = 0

  constructor(options: ShardFeedsOptions) {
    this.#options = options
    const { pool, client, mode, fanOut, maxWaitMs, signal } = options
    const onTrimmed = 'horizon'
    const { monotonic } = client
    signal.addEventListener('abort', () => this.#close(), { once: true })
    this.#intake =
      mode === 'pull'
        ? new Fetcher(
            {
              pool,
              maxWaitMs,
              onTrimmed,
              settings: client,
              bufferBytesMax: Infinity,
              shardBytesMax: () => this.#share,
            },
            this.#events(),
          )
        : new Subscriber(
            {
              pool,
              onTrimmed,
              monotonic,
              consumer: fanOut?.consumer,
              creditBytes: Math.min(groupLimits.shardBytesMax / 4, this.#share),
            },
            this.#events(),
          )
  }

  /** Begins to read a shard from its checkpoint. */
  begin(shard: LeasedShard): ShardFeed {
    const inbox = new Inbox((arrived) => this.#taken(feed, arrived))
    const feed: Feed = { shard, inbox, isEnded: false, isStopped: false, isFull: false, isAtHorizon: false }
    this.#count++
    void this.#start(feed)
    return feed
  }

  /** Stops reading the shard, and drops the batches that are not taken. */
  stop(feed: ShardFeed): void {
    const known = feed as Feed
    if (known.isStopped) return
    known.isStopped = true
    this.#count--
    feed.inbox.discard()
    const { cursor } = feed.shard
    if (cursor === undefined) return
    this.#feeds.delete(cursor)
    this.#intake.stop(cursor)
  }

  #close(): void {
    clearImmediate(this.#turn)
    this.#intake.close()
    for (const feed of this.#feeds.values()) this.stop(feed)
  }

  /** Bytes that one shard may hold. */
  get #share(): number {
    const { shardBytesMin, shardBytesMax } = groupLimits
    const even = Math.floor(this.#options.bufferBytesMax / Math.max(1, this.#count))
    return Math.max(shardBytesMin, Math.min(shardBytesMax, even))
  }

  #events(): IntakeEvents {
    return {
      closing: this.#options.signal,
      // No bound for all shards together: each shard has its own.
      inbox: { bytes: 0 },
      arrived: (cursor, batches, next) => this.#arrived(cursor, batches, next),
      trimmed: (cursor, horizon) => this.#trimmed(cursor, horizon),
      unreadable: (cursor, error) => this.#unreadable(cursor, error),
      ended: (cursor) => this.#ended(cursor),
      lost: (cursors, error) => this.#lost(cursors, error),
    }
  }

  /** Finds the host of the shard and the position at which to begin; retries until that succeeds. Never rejects. */
  async #start(feed: Feed): Promise<void> {
    const { shard } = feed
    const { client, fanOut, signal } = this.#options
    for (let failures = 0; !feed.isStopped && !signal.aborted; failures++) {
      try {
        const routing = await this.#routingOf(shard, failures > 0)
        await fanOut?.registered(shard, signal)
        if (feed.isStopped) return
        shard.cursor ??= await this.#cursorOf(feed, routing)
        if (feed.isStopped) return
        this.#feeds.set(shard.cursor, feed)
        const endpoint = routing.hostOf(shard.shardIndex)
        if (endpoint === undefined) this.#expired(feed, routing)
        else this.#beginSoon(shard.cursor, endpoint, shard.streamId)
        return
      } catch (error) {
        if (signal.aborted) return
        const delayMs = backoffMs(client.retry, failures, client.random)
        if (error instanceof LoadFailed) this.#notLoaded(feed, error, delayMs)
        else this.#troubled(feed, asMillraceError(error))
        await sleep(delayMs, shard.closing).catch(() => {})
        if (shard.isClosing) return
      }
    }
  }

  async #routingOf({ stream, streamId, shardIndex }: LeasedShard, isStale: boolean): Promise<Routing> {
    const { routings, signal } = this.#options
    const known = isStale ? undefined : await routings.get(stream, signal)
    const isKnown = known?.streamId === streamId && known.shard(shardIndex) !== undefined
    const routing = isKnown ? known : await routings.fresh(stream, signal)
    if (routing.streamId === streamId) return routing
    // The controller will drop the shards of the deleted stream. Until then they cannot be read.
    throw new Error(`${JSON.stringify(stream)} was deleted and made again.`)
  }

  async #cursorOf(feed: Feed, routing: Routing): Promise<ShardCursor> {
    const { shard } = feed
    const { loadCheckpoint, pool, routings, client, signal } = this.#options
    const { shardIndex, stream, stored } = shard
    const lookups = new ShardLookups(routing, { stream, routings, pool, settings: client, signal })
    let next = (loadCheckpoint && (await this.#loaded(shard, loadCheckpoint, lookups))) ?? stored
    if (next === undefined && shard.from.type !== 'TRIM_HORIZON') {
      next = (await lookups.resolve(shardIndex, shard.from))?.sequenceNumber
    }
    shard.trouble = undefined
    // Without a checkpoint reading asks for the first number, and begins at the oldest record that is left.
    feed.isAtHorizon = next === undefined
    next ??= routing.shard(shardIndex)?.startingSequenceNumber ?? 0
    return new ShardCursor(shardIndex, { next, until: Infinity })
  }

  /** Asks the application for its position. If it takes long to answer, or never does, reports say so meanwhile. */
  async #loaded(
    shard: LeasedShard,
    load: LoadCheckpoint,
    lookups: ShardLookups,
  ): Promise<number | undefined> {
    const since = this.#options.client.monotonic()
    const slow = setTimeout(() => {
      const detail = 'loadCheckpoint has not returned yet'
      shard.trouble ??= { state: 'blocked', since, sequenceNumber: undefined, detail }
    }, groupLimits.loadMsSlow).unref()
    try {
      return await loadedPosition(shard, load, lookups)
    } finally {
      clearTimeout(slow)
    }
  }

  /** Collects the shards that begin in one turn of the event loop, so that one request asks for them. */
  #beginSoon(cursor: ShardCursor, endpoint: Endpoint, streamId: number): void {
    const key = `${endpointKey(endpoint)} ${streamId}`
    const known = this.#toBegin.get(key)
    if (known === undefined) this.#toBegin.set(key, { endpoint, streamId, cursors: [cursor] })
    else known.cursors.push(cursor)
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      const all = [...this.#toBegin.values()]
      this.#toBegin.clear()
      for (const { cursors, ...place } of all) {
        const reads = cursors.filter((each) => this.#feeds.has(each))
        if (reads.length > 0) this.#intake.begin(reads, place)
      }
    })
  }

  #taken(feed: Feed, arrived: ArrivedBatch): void {
    const { cursor } = arrived
    cursor.bufferedBytes -= arrived.batch.length
    this.#intake.taken(arrived)
    if (!feed.isFull || feed.isStopped || cursor.bufferedBytes > this.#share / 2) return
    feed.isFull = false
    void this.#start(feed)
  }

  #arrived(cursor: ShardCursor, batches: readonly Uint8Array[], next: number): boolean {
    const feed = this.#feeds.get(cursor)
    if (feed === undefined || feed.isEnded) return false
    const ends = endsOf(batches, { from: cursor.next, next })
    if (ends === undefined) {
      this.#lost([cursor], offCourse(cursor, batches.length, next))
      return false
    }
    for (const [i, batch] of batches.entries()) {
      cursor.bufferedBytes += batch.length
      cursor.lag.waits(arrivalTimeAt(batch, 0))
      feed.inbox.put({ cursor, batch, from: ends[i - 1] ?? cursor.next, until: Infinity, next: ends[i]! })
    }
    return this.#advance(feed, cursor, next)
  }

  /** Called when the records up to the horizon have expired. */
  #trimmed(cursor: ShardCursor, horizon: number): boolean {
    const feed = this.#feeds.get(cursor)
    if (feed === undefined || feed.isEnded) return false
    if (horizon <= cursor.next) {
      this.#lost([cursor], offCourse(cursor, 0, horizon))
      return false
    }
    if (!feed.isAtHorizon) this.#options.onTrimmed(feed.shard, { from: cursor.next, next: horizon })
    return this.#advance(feed, cursor, horizon)
  }

  /** Moves the cursor. Returns false while the shard holds its share. */
  #advance(feed: Feed, cursor: ShardCursor, next: number): boolean {
    if (next > cursor.next) {
      cursor.failures = 0
      feed.isAtHorizon = false
    }
    cursor.lag.find()
    if (feed.shard.trouble?.state === 'unreachable') feed.shard.trouble = undefined
    cursor.next = next
    feed.isFull = this.#options.mode === 'pull' && cursor.bufferedBytes >= this.#share
    return !feed.isFull
  }

  #unreadable(cursor: ShardCursor, error: MillraceError): boolean {
    const feed = this.#feeds.get(cursor)
    if (feed === undefined) return false
    const { firstSequenceNumber: first = 0, nextSequenceNumber: next = 0 } = error
    if (next <= cursor.next || first > cursor.next) {
      this.#lost([cursor], next <= cursor.next ? error : offCourse(cursor, 0, first))
      return false
    }
    feed.inbox.put({ cursor, batch: NO_BYTES, from: cursor.next, until: Infinity, next, error })
    return this.#advance(feed, cursor, next)
  }

  #ended(cursor: ShardCursor): void {
    const feed = this.#feeds.get(cursor)
    if (feed === undefined) return
    cursor.tail = cursor.next
    feed.isEnded = true
    feed.inbox.end()
  }

  /** Called when the whole shard has expired, with the records that were not read. */
  #expired(feed: Feed, routing: Routing): void {
    const { shard } = feed
    const { next } = shard.cursor!
    if (!wasRead(shard.cursor!, routing)) {
      const [child] = routing.childrenOf(shard.shardIndex)
      const start = child === undefined ? next : routing.shard(child)!.startingSequenceNumber
      this.#options.onTrimmed(shard, { from: next, next: Math.max(next, start) })
    }
    feed.isEnded = true
    feed.inbox.end()
  }

  #lost(cursors: readonly ShardCursor[], error: MillraceError): void {
    const { client, signal } = this.#options
    const feeds = cursors.flatMap((cursor) => this.#feeds.get(cursor) ?? [])
    if (feeds.length === 0 || signal.aborted) return
    for (const feed of feeds) {
      feed.shard.cursor!.failures++
      if (error.code === 'consumerNotFound') this.#options.fanOut?.forget(feed.shard.streamId)
      feed.shard.cursor!.lag.lose(client.monotonic())
      this.#troubled(feed, error)
    }
    void this.#comeBack(feeds, error)
  }

  async #comeBack(feeds: readonly Feed[], error: MillraceError): Promise<void> {
    const { client, signal, routings } = this.#options
    const failures = Math.max(...feeds.map(({ shard }) => shard.cursor!.failures))
    const delayMs = backoffMs(
      boundsFor(error, client.retry, failures),
      failures - 1,
      client.random,
      error.retryAfterMs,
    )
    try {
      await sleep(delayMs, signal)
    } catch {
      return
    }
    const streams = new Set(feeds.map(({ shard }) => shard.stream))
    // One request for each stream finds the hosts of all these shards.
    await Promise.allSettled(Array.from(streams, (stream) => routings.fresh(stream, signal)))
    for (const feed of feeds) if (!feed.isStopped) void this.#start(feed)
  }

  #notLoaded({ shard }: Feed, failed: LoadFailed, delayMs: number): void {
    const { client, onLoadFailed } = this.#options
    const { stream, shardId, trouble } = shard
    const error = failed.cause
    client.log({ level: 'warn', message: 'a shard of a group cannot be begun', stream, shardId, error })
    shard.trouble = failed.trouble(trouble?.since ?? client.monotonic())
    onLoadFailed(shard, { error, delayMs })
  }

  #troubled({ shard }: Feed, error: MillraceError): void {
    const { client } = this.#options
    const { stream, shardId } = shard
    client.log({
      level: 'info',
      message: 'a shard of a group cannot be read for now',
      stream,
      shardId,
      error,
    })
    const since = shard.trouble?.since ?? client.monotonic()
    const sequenceNumber = shard.cursor?.next
    const trouble = { state: 'unreachable', since, sequenceNumber, detail: errorText(error) } as const
    // Trouble of the handler is kept: it takes precedence in reports.
    if (shard.cursor === undefined) shard.trouble = trouble
    else shard.trouble ??= trouble
  }
}
