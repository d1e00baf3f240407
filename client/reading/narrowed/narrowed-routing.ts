// A stream as a reader of some of its hash keys sees it: the shards whose ranges hold one of them. Runs in the client. Splits and merges are
// followed as in a whole stream, along these shards alone: a child that holds one of the keys has a parent that did.
import { compareHashKeys, hashKeyFromBytes } from '../../../protocol/shards/hash-key.ts'
import type { HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import type { RoutedShard } from '../../../protocol/operations.ts'
import type { Endpoint } from '../../connecting/address.ts'
import type { Routing } from '../../connecting/routing.ts'
import type { ReadRouting, Routings } from '../plan.ts'

class NarrowedRouting implements ReadRouting {
  readonly whole: Routing
  readonly shards: readonly RoutedShard[]

  constructor(whole: Routing, hashKeys: HashKeyRange) {
    this.whole = whole
    this.shards = whole.shards.filter((shard) => holdsOneOf(shard, hashKeys))
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

/** Narrows each routing to the shards that hold one of the hash keys. */
export class NarrowedRoutings implements Routings<NarrowedRouting> {
  readonly #whole: Routings<Routing>
  readonly #hashKeys: HashKeyRange

  constructor(whole: Routings<Routing>, hashKeys: HashKeyRange) {
    this.#whole = whole
    this.#hashKeys = hashKeys
  }

  async fresh(stream: string, signal?: AbortSignal): Promise<NarrowedRouting> {
    return new NarrowedRouting(await this.#whole.fresh(stream, signal), this.#hashKeys)
  }

  async refresh(stream: string, stale: NarrowedRouting, signal?: AbortSignal): Promise<NarrowedRouting> {
    return new NarrowedRouting(await this.#whole.refresh(stream, stale.whole, signal), this.#hashKeys)
  }
}

function holdsOneOf({ startingHashKey, endingHashKey }: RoutedShard, { start, end }: HashKeyRange): boolean {
  return (
    compareHashKeys(hashKeyFromBytes(startingHashKey), 0, end, 0) <= 0 &&
    compareHashKeys(hashKeyFromBytes(endingHashKey), 0, start, 0) >= 0
  )
}
