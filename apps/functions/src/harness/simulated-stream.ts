// A stream in memory: shards that split and merge, and records that find theirs by the hash of their key. Pure. Numbers rise over all shards,
// so that those of a key rise through splits and merges, as in the broker.
import { hashPartitionKey, shardIdOf } from 'millrace/protocol'

/** A record of the stream, with what a mapping reads of it. */
export interface SimulatedRecord {
  readonly sequenceNumber: number
  readonly partitionKey: string
  readonly bytes: Uint8Array
  readonly arrivalTime: Date
}

/** A shard: its hash keys, by their highest 32 bits, are from `low` to `high`. */
export interface SimulatedShard {
  readonly index: number
  readonly shardId: string
  /** A child counts as created a second after its parents were closed, as in the broker: its sequence numbers are above theirs. */
  readonly createdAt: number
  readonly low: number
  readonly high: number
  readonly parents: readonly number[]
  readonly records: SimulatedRecord[]
  isClosed: boolean
}

const HASH_MAX = 2 ** 32 - 1
const SECOND_MS = 1000

export class SimulatedStream {
  readonly shards: SimulatedShard[] = []
  readonly #hash = new Uint32Array(4)
  #nextNumber = 0

  constructor(shards: number, createdAt: number) {
    const size = 2 ** 32 / shards
    for (let i = 0; i < shards; i++) {
      const [low, high] = [Math.floor(i * size), Math.floor((i + 1) * size) - 1]
      this.#open({ low, high, parents: [], createdAt })
    }
  }

  get open(): readonly SimulatedShard[] {
    return this.shards.filter(({ isClosed }) => !isClosed)
  }

  append(partitionKey: string, bytes: Uint8Array, at: number): SimulatedRecord {
    hashPartitionKey(partitionKey, this.#hash, 0)
    const hash = this.#hash[0]!
    const shard = this.open.find(({ low, high }) => low <= hash && hash <= high)!
    const record = { sequenceNumber: this.#nextNumber++, partitionKey, bytes, arrivalTime: new Date(at) }
    shard.records.push(record)
    return record
  }

  /** Splits a shard in the middle; does nothing where it has one hash key alone. */
  split(shard: SimulatedShard, at: number): void {
    const { index, low, high } = shard
    if (low === high) return
    const middle = low + Math.floor((high - low) / 2)
    shard.isClosed = true
    const createdAt = createdAfter([shard], at)
    this.#open({ low, high: middle, parents: [index], createdAt })
    this.#open({ low: middle + 1, high, parents: [index], createdAt })
  }

  /** Merges a shard with the one above it; does nothing where there is none. */
  merge(shard: SimulatedShard, at: number): void {
    const { index, low, high } = shard
    const above = this.open.find((other) => other.low === high + 1)
    if (high === HASH_MAX || above === undefined) return
    shard.isClosed = true
    above.isClosed = true
    const createdAt = createdAfter([shard, above], at)
    this.#open({ low, high: above.high, parents: [index, above.index], createdAt })
  }

  #open(shard: Pick<SimulatedShard, 'low' | 'high' | 'parents' | 'createdAt'>): void {
    const index = this.shards.length
    this.shards.push({ ...shard, index, shardId: shardIdOf(index), records: [], isClosed: false })
  }
}

function createdAfter(parents: readonly SimulatedShard[], closedAt: number): number {
  return Math.max(closedAt, ...parents.map(({ createdAt }) => createdAt)) + SECOND_MS
}
