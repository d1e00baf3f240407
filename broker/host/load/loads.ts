// Answers the controller's questions about loads: all counters, and the key that divides one shard. Host main thread.
import { hashKeyToHex } from '../../../protocol/shards/hash-key.ts'
import type { HostedLoads, HotKey, ShardRef } from '../../host-contract.ts'
import type { ShardLoadMeter } from './shard-load-meter.ts'

/** A shard that is served here, with its load. */
export interface LoadedShard extends ShardRef {
  readonly closed: boolean
  readonly load: ShardLoadMeter
}

/** Returns the loads of those shards that are open. */
export function loadsOf(shards: Iterable<LoadedShard>, now: number): HostedLoads {
  const counters: number[] = []
  const hot = new Map<number, HotKey>()
  let place = 0
  for (const { streamId, shardIndex, closed, load } of shards) {
    if (closed) continue
    const { bytes, records, sample } = load
    sample?.fade(now)
    // A sample takes some KiB, so shards that are no longer busy must not keep theirs.
    if (sample?.isFaded) load.sample = undefined
    const hotKey = sample?.hot
    if (hotKey) hot.set(place, hotKey)
    counters.push(streamId, shardIndex, bytes, records)
    place++
  }
  return { counters: Float64Array.from(counters), hot }
}

/** Returns the hash key that divides the shard's load in two, as 32 hex digits; null if too little was seen. */
export function balancedKeyOf({ load: { sample } }: Pick<LoadedShard, 'load'>, now: number): string | null {
  sample?.fade(now)
  const key = sample?.balancedKey
  return key ? hashKeyToHex(key) : null
}
