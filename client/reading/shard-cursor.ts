// The place of a reading in one shard. Runs in the client, pure.
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import { ShardLag, type Heard } from './lag.ts'

/** A loop that is handed the records of a batch. */
export interface Handing {
  /** The first number that the loop did not get. */
  readonly handedTo: number
}

export class ShardCursor {
  readonly shardIndex: number
  readonly shardId: string
  /** The first sequence number that has not arrived, where reading goes on after a lost connection. */
  next: number
  /** Where to stop, not included; Infinity to follow. It falls at most once, when the time of the end has passed. */
  until: number
  /** The tail of the shard, as the broker last sent it; undefined before that. */
  tail: number | undefined
  /** Bytes that have arrived and are not taken yet. */
  bufferedBytes = 0
  /** Failures in a row, without progress and without an answer that there is nothing to read. */
  failures = 0
  /** Rests in a row, since the shard's limits were used up. */
  rests = 0
  readonly lag = new ShardLag()
  /** The shard is not fetched before this time of the monotonic clock, because its limits are used up. */
  restsUntil = 0
  /** Batches that have arrived and that the loop did not get to their end. */
  #unread = 0
  /** While there are such batches: the first number that the loop did not get. */
  #unreadFrom = 0
  /** The loop that is handed the oldest of these batches now. */
  #handing: Handing | undefined

  constructor(shardIndex: number, range: { next: number; until: number; tail?: number }) {
    this.shardIndex = shardIndex
    this.shardId = shardIdOf(shardIndex)
    this.next = range.next
    this.until = range.until
    this.tail = range.tail
  }

  /** The first number that the loop did not get, where a later reading goes on. */
  get position(): number {
    const next = this.#unread > 0 ? (this.#handing?.handedTo ?? this.#unreadFrom) : this.next
    return Math.min(next, this.until)
  }

  /** True if the loop got everything that has arrived. */
  get isHandedOut(): boolean {
    return this.#unread === 0
  }

  /** Notes a batch that has arrived for the loop, of which the loop wants records from this number on. */
  putBatch(from: number): void {
    if (this.#unread++ === 0) this.#unreadFrom = from
  }

  /** Notes that the loop is handed the oldest batch that has arrived. */
  beginBatch(handing: Handing): void {
    this.#handing = handing
  }

  /** Notes that the loop has all of the oldest batch that has arrived, and with it all numbers below `next`. */
  endBatch(next: number): void {
    this.#handing = undefined
    this.#unreadFrom = next
    this.#unread--
  }

  heard(heard: Heard): void {
    this.tail = heard.tail
    this.lag.heard(heard)
  }

  /** Notes that the shard cannot be read for now. */
  lose(at: number): void {
    this.failures++
    this.lag.lose(at)
  }

  /** Returns how far the loop is behind the shard at this time of the monotonic clock; undefined if that is not known. */
  millisBehindLatest(at: number): number | undefined {
    const rest = this.isDone || this.isAtTail ? 'none' : this.tail === undefined ? 'unknown' : 'some'
    return this.lag.millis(at, rest, this.bufferedBytes)
  }

  get isDone(): boolean {
    return this.next >= this.until
  }

  /** True if all records below the known tail have arrived, and were wanted. */
  get isAtTail(): boolean {
    return this.tail !== undefined && Math.min(this.next, this.until) >= this.tail
  }
}
