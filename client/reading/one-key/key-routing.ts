// A stream as a reader of one partition key sees it: the shards whose hash key range holds the key, one of each generation.
// Runs in the client. Splits and merges are followed as in a whole stream, along this one line of parents and children.
import { compareHashKeys, hashKeyFromBytes, type HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import type { RoutedShard } from '../../../protocol/operations.ts'
import type { Endpoint } from '../../connecting/address.ts'
import type { Routing } from '../../connecting/routing.ts'
import type { ReadRouting, Routings } from '../plan.ts'

class KeyRouting implements ReadRouting {
  readonly whole: Routing
  readonly shards: readonly RoutedShard[]

  constructor(whole: Routing, hashKey: HashKeyWords) {
    this.whole = whole
    this.shards = whole.shards.filter((shard) => holds(shard, hashKey))
  }

  get streamId(): number {
    return this.whole.streamId
  }

  shard(index: number): RoutedShard | undefined {
    return this.shards.find((shard) => shard.index === index)
  }

  childrenOf(index: number): number[] {
    return this.shards.filter(({ parents }) => parents.includes(index)).map((shard) => shard.index)
  }

  hostOf(index: number): Endpoint | undefined {
    return this.whole.hostOf(index)
  }
}

/** Narrows each routing to the shards that hold the key. */
export class KeyRoutings implements Routings<KeyRouting> {
  readonly #whole: Routings<Routing>
  readonly #hashKey: HashKeyWords

  constructor(whole: Routings<Routing>, hashKey: HashKeyWords) {
    this.#whole = whole
    this.#hashKey = hashKey
  }

  async fresh(stream: string, signal?: AbortSignal): Promise<KeyRouting> {
    return new KeyRouting(await this.#whole.fresh(stream, signal), this.#hashKey)
  }

  async refresh(stream: string, stale: KeyRouting, signal?: AbortSignal): Promise<KeyRouting> {
    return new KeyRouting(await this.#whole.refresh(stream, stale.whole, signal), this.#hashKey)
  }
}

function holds({ startingHashKey, endingHashKey }: RoutedShard, hashKey: HashKeyWords): boolean {
  return (
    compareHashKeys(hashKeyFromBytes(startingHashKey), 0, hashKey, 0) <= 0 &&
    compareHashKeys(hashKeyFromBytes(endingHashKey), 0, hashKey, 0) >= 0
  )
}
