// The events of one subscription: what the broker pushes of a shard, as SubscribeToShard's events. Runs in the endpoint.
// An event is made when the client takes it: while it does not, the broker's credit runs out and nothing piles up here. Each event
// tells a number after which reading goes on: it never falls, and going on after it loses and repeats nothing.
import type { StreamPosition, StreamRecord } from 'millrace'
import type { OutputOf } from '../model/operations.ts'
import { Arrivals } from './arrivals.ts'
import { feedLimits } from './feed-limits.ts'
import type { FeedTime } from './feed-time.ts'

type Items<T> = T extends AsyncIterable<infer I> ? I : never
/** One event of the answer. */
export type FeedEvent = Items<OutputOf<'SubscribeToShard'>['EventStream']>
type ShardEvent = FeedEvent['SubscribeToShardEvent']
export type FeedRecord = ShardEvent['Records'][number]
export type ChildShard = NonNullable<ShardEvent['ChildShards']>[number]

/** The part of a native reading of one shard that a feed uses. */
export interface FeedReading {
  batches(): AsyncIterator<readonly StreamRecord[], unknown>
  readonly position: StreamPosition
  readonly millisBehindLatest: number | undefined
  /** Shards that replaced this one, once it was read to its end. */
  readonly children: readonly string[]
  close(): Promise<void>
}

export interface ShardFeedParts {
  readonly reading: FeedReading
  /** The shard's native id. */
  readonly shardId: string
  readonly time: FeedTime
  /** How long the subscription lives, in milliseconds. */
  readonly lifeMs: number
  /** Fires when the client is gone. */
  readonly signal: AbortSignal
  /** Called once, when the feed ends. */
  readonly onEnd: () => void
  /** The API's number of a native one, with a time. */
  numberOf(sequenceNumber: number, timeMs: number): string
  recordOf(record: StreamRecord): FeedRecord
  childrenOf(shardIds: readonly string[]): Promise<readonly ChildShard[]>
  /** Makes the error that the client is told of one that ended the reading. */
  failure(error: unknown): unknown
}

/** The place of a feed: after this native number, which was told with this time. */
interface Place {
  readonly after: number
  readonly timeMs: number
}

export class ShardFeed implements AsyncIterable<FeedEvent> {
  readonly #parts: ShardFeedParts
  readonly #arrivals: Arrivals
  readonly #startedAt: number
  readonly #cancelEnd: () => void
  /** Records of the last batch that were not told, oldest first. */
  #records: readonly StreamRecord[] = []
  #told: Place | undefined
  #isOver = false
  #wake: (() => void) | undefined

  constructor(parts: ShardFeedParts) {
    this.#parts = parts
    const { reading, time, lifeMs, signal } = parts
    this.#arrivals = new Arrivals(reading.batches())
    this.#startedAt = time.now()
    this.#cancelEnd = time.after(lifeMs, () => this.#end())
    if (signal.aborted) this.#end()
    else signal.addEventListener('abort', () => this.#end(), { once: true })
  }

  /** Iterates over the events, once. */
  [Symbol.asyncIterator](): AsyncIterableIterator<FeedEvent, void, undefined> {
    const events = this.#events()
    const iterator: AsyncIterableIterator<FeedEvent, void, undefined> = {
      next: () => events.next(),
      // A generator that has not begun, or that waits, would not notice.
      return: () => {
        this.#end()
        return events.return()
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  async *#events(): AsyncGenerator<FeedEvent, void, undefined> {
    try {
      // At the tail there may be nothing for a long time, and the client does not know its place before the first event.
      if (!this.#isOver && this.#parts.reading.millisBehindLatest === 0) yield event(this.#idle())
      while (!this.#isOver) {
        const next = await this.#next()
        if (next === undefined) return
        yield event(next)
        if (next.ContinuationSequenceNumber === undefined) return
      }
    } catch (error) {
      if (!this.#isOver) throw this.#parts.failure(error)
    } finally {
      this.#end()
    }
  }

  /** Ends the feed: the client is told what is on its way to it, and no more. */
  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelEnd()
    this.#wake?.()
    // Frees the consumer's place, also where the client takes no more events.
    void this.#parts.reading.close()
    this.#parts.onEnd()
  }

  /** Returns the next event; undefined if there is none. */
  async #next(): Promise<ShardEvent | undefined> {
    if (this.#records.length === 0) {
      const idle = await this.#wait()
      if (this.#isOver) return undefined
      if (idle !== undefined) return idle
      const arrival = this.#arrivals.take()!
      if (arrival.type === 'end') return this.#isOver ? undefined : this.#shardEnd()
      this.#records = arrival.records
    }
    return this.#filled()
  }

  /** Waits until something is here; returns an event without records if nothing comes for too long. */
  #wait(): Promise<ShardEvent | undefined> {
    return new Promise((resolve) => {
      // The event is made in the timer's own turn: only then is the place of the reading that of what was taken from it.
      const cancel = this.#parts.time.after(feedLimits.heartbeatMs, () => {
        if (!this.#arrivals.isHere) resolve(this.#idle())
      })
      const wake = (): void => {
        cancel()
        resolve(undefined)
      }
      this.#wake = wake
      this.#arrivals.ask(wake)
    })
  }

  /** Makes an event of the records that are here, and of those that have arrived behind them. */
  async #filled(): Promise<ShardEvent> {
    const taken: StreamRecord[] = []
    let bytes = 0
    for (;;) {
      let count = 0
      for (const record of this.#records) {
        const size = record.bytes.length + Buffer.byteLength(record.partitionKey)
        const isFull = taken.length >= feedLimits.eventRecordsMax || bytes + size > feedLimits.eventBytesMax
        if (isFull && taken.length > 0) break
        taken.push(record)
        bytes += size
        count++
      }
      this.#records = this.#records.slice(count)
      if (this.#records.length > 0 || !(await this.#hasMore())) break
      const arrival = this.#arrivals.take()
      if (arrival?.type === 'batch') this.#records = arrival.records
    }
    return this.#event(taken)
  }

  /** Whether another batch is here already. Its waiting costs no more than a turn of the event loop. */
  async #hasMore(): Promise<boolean> {
    this.#arrivals.ask(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    return this.#arrivals.isBatchHere
  }

  #event(records: readonly StreamRecord[]): ShardEvent {
    const { recordOf, numberOf, time } = this.#parts
    const last = records.at(-1)!
    const timeMs = last.arrivalTime.getTime()
    this.#told = { after: last.sequenceNumber, timeMs }
    // What waits here is handed out for the reading, and not for the client.
    const isWaiting = this.#records.length > 0 || this.#arrivals.isBatchHere
    return {
      Records: records.map(recordOf),
      ContinuationSequenceNumber: numberOf(last.sequenceNumber, timeMs),
      MillisBehindLatest: isWaiting ? Math.max(1, time.now() - timeMs) : this.#millisBehind(),
    }
  }

  /** An event without records: the place may have moved all the same, and its time does. */
  #idle(): ShardEvent {
    const { reading, shardId, time } = this.#parts
    const next = reading.position.shards[shardId]
    const after = Math.max(this.#told?.after ?? -1, next === undefined ? -1 : next - 1)
    const timeMs = Math.max(time.now(), this.#told?.after === after ? this.#told.timeMs : 0)
    this.#told = { after, timeMs }
    return {
      Records: [],
      ContinuationSequenceNumber: this.#parts.numberOf(after, timeMs),
      MillisBehindLatest: this.#millisBehind(),
    }
  }

  /** The event at the end of a closed shard: it names the shards to go on with, and no number. */
  async #shardEnd(): Promise<ShardEvent> {
    const { reading, childrenOf } = this.#parts
    const ChildShards = await childrenOf(reading.children)
    return { Records: [], MillisBehindLatest: 0, ChildShards }
  }

  #millisBehind(): number {
    const { reading, time } = this.#parts
    return reading.millisBehindLatest ?? Math.max(0, time.now() - this.#startedAt)
  }
}

function event(content: ShardEvent): FeedEvent {
  return { SubscribeToShardEvent: content }
}
