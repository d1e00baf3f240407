// Which shard a record counts for: the one that the producer finds.
import { describe, expect, it } from 'vitest'
import { hashKeyToDecimal, hashPartitionKey } from 'millrace/protocol'
import { OpenShards } from '../../../src/records/limits/open-shards.ts'

const TOP = ((1n << 128n) - 1n).toString()
const HALF = (1n << 127n).toString()
const BELOW_HALF = ((1n << 127n) - 1n).toString()

const shard = (index: number, startingHashKey: string, endingHashKey: string, state: 'OPEN' | 'CLOSED') => ({
  shardId: `shardId-${String(index).padStart(12, '0')}`,
  state,
  hashKeyRange: { startingHashKey, endingHashKey },
})
const split = [shard(0, '0', TOP, 'CLOSED'), shard(1, '0', BELOW_HALF, 'OPEN'), shard(2, HALF, TOP, 'OPEN')]

describe('the open shards of a stream', () => {
  it('take records by the hash of the key, and by an explicit one before that', () => {
    const shards = new OpenShards(split)
    for (const partitionKey of ['a', 'b', 'ключ', 'x'.repeat(200), '0']) {
      const words = new Uint32Array(4)
      hashPartitionKey(partitionKey, words, 0)
      const expected = BigInt(hashKeyToDecimal(words)) >> 127n === 0n ? 1 : 2
      expect(shards.of({ partitionKey })).toBe(`shardId-00000000000${expected}`)
      expect(shards.of({ partitionKey, explicitHashKey: '0' })).toBe('shardId-000000000001')
      expect(shards.of({ partitionKey, explicitHashKey: BigInt(HALF) })).toBe('shardId-000000000002')
    }
  })

  it('are not known where those that are listed leave a hole', () => {
    expect(new OpenShards(split.slice(0, 2)).of({ partitionKey: 'a' })).toBeUndefined()
  })
})
