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
  readonly low: number
  readonly high: number
  readonly parents: readonly number[]
  readonly records: SimulatedRecord[]
  isClosed: boolean
}

const HASH_MAX = 2 ** 32 - 1

export class SimulatedStream {
  readonly shards: SimulatedShard[] = []
  readonly #hash = new Uint32Array(4)
  #nextNumber = 0

  constructor(shards: number) {
    const size = 2 ** 32 / shards
    for (let i = 0; i < shards; i++) {
      this.#open({ low: Math.floor(i * size), high: Math.floor((i + 1) * size) - 1, parents: [] })
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
  split({ index, low, high }: SimulatedShard): void {
    if (low === high) return
    const middle = low + Math.floor((high - low) / 2)
    this.shards[index]!.isClosed = true
    this.#open({ low, high: middle, parents: [index] })
    this.#open({ low: middle + 1, high, parents: [index] })
  }

  /** Merges a shard with the one above it; does nothing where there is none. */
  merge({ index, low, high }: SimulatedShard): void {
    const above = this.open.find((shard) => shard.low === high + 1)
    if (high === HASH_MAX || above === undefined) return
    this.shards[index]!.isClosed = true
    above.isClosed = true
    this.#open({ low, high: above.high, parents: [index, above.index] })
  }

  #open({ low, high, parents }: Pick<SimulatedShard, 'low' | 'high' | 'parents'>): void {
    const index = this.shards.length
    this.shards.push({ index, shardId: shardIdOf(index), low, high, parents, records: [], isClosed: false })
  }
}
