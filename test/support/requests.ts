// Requests as a client sends them that leaves everything to the broker. Pure.
import type { RequestOf } from '../../protocol/index.ts'

/** A stream with so many shards, and defaults for the rest. */
export function createRequest(name: string, shardCount = 1): RequestOf<'createStream'> {
  return {
    name,
    shardCount,
    retentionMs: undefined,
    retentionBytes: undefined,
    mode: undefined,
    shardLimits: undefined,
    scaling: undefined,
  }
}
