// Which open shard takes a record, as the producer will find it. Pure.
import type { RecordInput, Shard } from 'millrace'
import { hashKeyFromBigInt, hashKeyFromDecimal, hashPartitionKey, ShardMap } from 'millrace/protocol'
import { shardIdOf, shardIndexOf } from '../../identifiers/shard-ids.ts'

export class OpenShards {
  /** Undefined if the shards that are known do not cover every hash key: they were changing. */
  readonly #map: ShardMap | undefined
  readonly #words = new Uint32Array(4)

  constructor(shards: readonly Pick<Shard, 'shardId' | 'state' | 'hashKeyRange'>[]) {
    const open = shards.filter(({ state }) => state === 'OPEN').map(rangeOf)
    try {
      this.#map = new ShardMap(open)
    } catch {
      this.#map = undefined
    }
  }

  /** The shard of a record; undefined if it is not known. */
  of({
    partitionKey,
    explicitHashKey,
  }: Pick<RecordInput, 'partitionKey' | 'explicitHashKey'>): string | undefined {
    if (this.#map === undefined) return undefined
    return shardIdOf(this.#map.route(this.#hashKey(partitionKey, explicitHashKey)))
  }

  #hashKey(partitionKey: string, explicit: RecordInput['explicitHashKey']): Uint32Array {
    if (typeof explicit === 'bigint') return hashKeyFromBigInt(explicit)
    if (explicit !== undefined) return hashKeyFromDecimal(explicit)
    hashPartitionKey(partitionKey, this.#words, 0)
    return this.#words
  }
}

function rangeOf({ shardId, hashKeyRange }: Pick<Shard, 'shardId' | 'hashKeyRange'>) {
  const { startingHashKey, endingHashKey } = hashKeyRange
  const range = { start: hashKeyFromDecimal(startingHashKey), end: hashKeyFromDecimal(endingHashKey) }
  return { index: shardIndexOf(shardId) ?? 0, range }
}
