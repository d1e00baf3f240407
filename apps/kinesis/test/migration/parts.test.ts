// The pure parts of an import: which shards may begin, where a record lies, how far the target is filled.
import { describe, expect, it } from 'vitest'
import { isOnThisMachine } from '../../src/migration/aws-client.ts'
import { placementOf } from '../../src/migration/import/copied-record.ts'
import { EarlierCopies } from '../../src/migration/import/earlier-copies.ts'
import { openShardCount, shardsToBegin } from '../../src/migration/import/lineage.ts'
import { TargetPlace } from '../../src/migration/import/target-place.ts'
import { delayMsOf, insist, isTransient } from '../../src/migration/patience.ts'

describe('shardsToBegin', () => {
  const range = { HashKeyRange: undefined, SequenceNumberRange: { StartingSequenceNumber: '1' } }
  const closed = { ...range, SequenceNumberRange: { StartingSequenceNumber: '1', EndingSequenceNumber: '2' } }
  const shards = [
    { ShardId: 'a', ...closed },
    { ShardId: 'b', ...closed, ParentShardId: 'expired' },
    { ShardId: 'ab', ...range, ParentShardId: 'a', AdjacentParentShardId: 'b' },
  ]
  const begin = (begun: string[], done: string[]) =>
    shardsToBegin(shards, { isBegun: (id) => begun.includes(id), isDone: (id) => done.includes(id) }).map(
      ({ ShardId }) => ShardId,
    )

  it('begins a shard once all of its parents that still have records are done', () => {
    expect(begin([], [])).toEqual(['a', 'b'])
    expect(begin(['a', 'b'], ['a'])).toEqual([])
    expect(begin(['a', 'b'], ['a', 'b'])).toEqual(['ab'])
    expect(begin(['a', 'b', 'ab'], ['a', 'b'])).toEqual([])
    expect(openShardCount(shards)).toBe(1)
  })
})

describe('placementOf', () => {
  it('gives an explicit hash key to a record that lies where its key does not', () => {
    const low = { StartingHashKey: '0', EndingHashKey: String(2n ** 127n - 1n) }
    const high = { StartingHashKey: String(2n ** 127n), EndingHashKey: String(2n ** 128n - 1n) }
    const shard = (HashKeyRange: typeof low) => ({
      ShardId: 'x',
      HashKeyRange,
      SequenceNumberRange: undefined,
    })
    // MD5 of "a" begins with 0c.
    expect(placementOf('a', shard(low))).toBeUndefined()
    expect(placementOf('a', shard(high))).toBe(String(2n ** 127n))
  })
})

describe('TargetPlace', () => {
  it('moves forward only, and leaves out shards that were not known when it began', () => {
    const place = new TargetPlace({ streamId: 1, shardsBelow: 1, shards: { 'shardId-000000000000': 5 } })
    const before = place.position
    const at = (shardId: string, sequenceNumber: number, streamId = 1) =>
      place.raise({ streamId, shardId, sequenceNumber })
    at('shardId-000000000000', 7)
    at('shardId-000000000000', 6)
    at('shardId-000000000001', 9)
    at('shardId-000000000000', 20, 2)
    expect(place.position.shards).toEqual({ 'shardId-000000000000': 8 })
    expect(before.shards).toEqual({ 'shardId-000000000000': 5 })
  })
})

describe('EarlierCopies', () => {
  it('gives each origin away once', () => {
    const copies = new EarlierCopies(new Map([['a', new Set(['1', '2.0'])]]))
    expect([copies.take('a', '1'), copies.take('a', '1'), copies.take('b', '2.0')]).toEqual([
      true,
      false,
      false,
    ])
    expect(copies.isEmpty).toBe(false)
    expect([copies.take('a', '2.0'), copies.isEmpty]).toEqual([true, true])
  })
})

describe('insist', () => {
  it('calls again after transient errors alone, and not for ever', async () => {
    let now = 0
    const patience = {
      giveUpAfterMs: 1_000,
      monotonic: () => now,
      random: () => 0,
      sleep: (ms: number) => {
        now += ms
        return Promise.resolve()
      },
      signal: new AbortController().signal,
      onWait: () => {},
    }
    const throttled = Object.assign(new Error('slow'), { name: 'ProvisionedThroughputExceededException' })
    let calls = 0
    expect(
      await insist(() => (++calls < 3 ? Promise.reject(throttled) : Promise.resolve(calls)), patience),
    ).toBe(3)
    await expect(insist(() => Promise.reject(throttled), patience)).rejects.toBe(throttled)
    await expect(insist(() => Promise.reject(new Error('wrong')), patience)).rejects.toThrow('wrong')
    expect(isTransient(Object.assign(new Error('x'), { $metadata: { httpStatusCode: 400 } }))).toBe(false)
    expect([delayMsOf(0, 0), delayMsOf(20, 0.999)].map(Math.round)).toEqual([50, 4998])
  })
})

describe('isOnThisMachine', () => {
  it('knows addresses of this machine', () => {
    for (const url of ['http://127.0.0.1:4567', 'https://localhost', 'http://[::1]:1'])
      expect(isOnThisMachine(url)).toBe(true)
    for (const url of ['http://127.example.org', 'https://kinesis.eu-west-1.amazonaws.com', 'x']) {
      expect(isOnThisMachine(url)).toBe(false)
    }
  })
})
