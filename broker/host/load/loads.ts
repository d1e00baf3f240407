// What the controller asks of loads: all counters, and where one shard divides. Host main thread.
import { hashKeyToHex } from '../../../protocol/shards/hash-key.ts'
import type { HostedLoads, HotKey, ShardRef } from '../../host-contract.ts'
import type { ShardLoad } from './shard-load.ts'

/** A shard that is served here, and what is asked of it. */
export interface LoadedShard extends ShardRef {
  readonly closed: boolean
  readonly load: ShardLoad
}

/** Of the open ones among these shards. */
export function loadsOf(shards: Iterable<LoadedShard>, now: number): HostedLoads {
  const counters: number[] = []
  const hot = new Map<number, HotKey>()
  let place = 0
  for (const { streamId, shardIndex, closed, load } of shards) {
    if (closed) continue
    const { bytes, records, sample } = load
    sample?.fade(now)
    // Some KiB, for every shard that was ever busy.
    if (sample?.isFaded) load.sample = undefined
    const hotKey = sample?.hot
    if (hotKey) hot.set(place, hotKey)
    counters.push(streamId, shardIndex, bytes, records)
    place++
  }
  return { counters: Float64Array.from(counters), hot }
}

/** The hash key that divides the shard's load in two, as 32 hex digits; null where too little was seen. */
export function balancedKeyOf({ load: { sample } }: Pick<LoadedShard, 'load'>, now: number): string | null {
  sample?.fade(now)
  const key = sample?.balancedKey
  return key ? hashKeyToHex(key) : null
}
