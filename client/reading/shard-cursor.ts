// Where a reading stands in one shard. Runs in the client, pure.
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import { ShardLag, type Heard } from './lag.ts'

export class ShardCursor {
  readonly shardIndex: number
  readonly shardId: string
  /** The first number that has not arrived: where to go on, whatever happens to the connection. */
  next: number
  /** Where to stop, not included; Infinity to follow. Falls at most once, when a time has come. */
  until: number
  /** The next number that the shard will assign, as the broker said last; undefined before it has. */
  tail: number | undefined
  /** Bytes that have arrived and are not taken. */
  bufferedBytes = 0
  /** Losses in a row, with nothing heard in between. */
  failures = 0
  readonly lag = new ShardLag()
  /** Not asked for before, on the monotonic clock: the shard has given what its limits allow. */
  restsUntil = 0

  constructor(shardIndex: number, range: { next: number; until: number; tail?: number }) {
    this.shardIndex = shardIndex
    this.shardId = shardIdOf(shardIndex)
    this.next = range.next
    this.until = range.until
    this.tail = range.tail
  }

  heard(heard: Heard): void {
    this.tail = heard.tail
    this.lag.heard(heard)
  }

  /** How far the loop is behind the shard, at this moment of the monotonic clock; undefined where nothing is known of it. */
  millisBehindLatest(at: number): number | undefined {
    const rest = this.isDone || this.isAtTail ? 'none' : this.tail === undefined ? 'unknown' : 'some'
    return this.lag.millis(at, rest, this.bufferedBytes)
  }

  get isDone(): boolean {
    return this.next >= this.until
  }

  /** Everything that the broker has told of has arrived, and was wanted. */
  get isAtTail(): boolean {
    return this.tail !== undefined && Math.min(this.next, this.until) >= this.tail
  }
}
