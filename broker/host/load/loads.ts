// What the controller asks of loads: all counters, and where one shard divides. Host main thread.
import { hashKeyToHex } from '../../../protocol/hash-key.ts'
import type { HostedLoad } from '../../host-contract.ts'
import type { HostedShard } from '../hosted-shard.ts'

/** Of the open ones among these shards. */
export function loadsOf(shards: Iterable<HostedShard>, now: number): readonly HostedLoad[] {
  const loads: HostedLoad[] = []
  for (const { streamId, shardIndex, closed, load } of shards) {
    if (closed) continue
    const { bytes, records, sample } = load
    sample?.fade(now)
    // Some KiB, for every shard that was ever busy.
    if (sample?.isFaded) load.sample = undefined
    loads.push({ streamId, shardIndex, bytes, records, hot: sample?.hot ?? null })
  }
  return loads
}

/** The hash key that divides the shard's load in two, as 32 hex digits; null where too little was seen. */
export function balancedKeyOf({ load: { sample } }: HostedShard, now: number): string | null {
  sample?.fade(now)
  const key = sample?.balancedKey
  return key ? hashKeyToHex(key) : null
}
