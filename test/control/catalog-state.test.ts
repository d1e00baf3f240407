// The catalog as a value: what changes make of it, and what stored rows may not say.
import { describe, expect, it } from 'vitest'
import type { CatalogChange, CatalogRow } from '../../broker/catalog-contract.ts'
import {
  applyChanges,
  emptyCatalog,
  readCatalog,
  shardsOf,
  streamNamed,
} from '../../broker/control/catalog-state.ts'

const broker: CatalogRow = {
  family: 'broker',
  key: 'broker',
  value: { brokerId: 'b', createdAt: 0, nextStreamId: 10, nextSlot: 10 },
}
const stream = (key: number, name: string): CatalogRow => ({
  family: 'stream',
  key,
  value: { name, status: 'ACTIVE', retentionMs: 1, createdAt: 0, epoch: 1, nextShardIndex: 1 },
})
const shard = (streamId: number, shardIndex: number, slot: number, ...range: string[]): CatalogRow => ({
  family: 'shard',
  key: { streamId, shardIndex },
  value: {
    ownerId: 0,
    slot,
    parents: [],
    startingHashKey: range[0] ?? '0'.repeat(32),
    endingHashKey: range[1] ?? 'f'.repeat(32),
    state: 'OPEN',
    startingSequenceNumber: 0,
    endingSequenceNumber: null,
    createdAt: 0,
  },
})
const puts = (...rows: CatalogRow[]): CatalogChange[] => rows.map((put) => ({ put }))

describe('applyChanges', () => {
  it('leaves the state before as it was, and shares what it did not touch', () => {
    const before = applyChanges(
      emptyCatalog,
      puts(broker, stream(1, 'a'), shard(1, 0, 1), stream(2, 'b'), shard(2, 0, 2)),
    )
    const after = applyChanges(before, [
      { remove: { family: 'shard', key: { streamId: 1, shardIndex: 0 } } },
      { remove: { family: 'stream', key: 1 } },
    ])
    expect([before.streams.size, before.shardCount, after.streams.size, after.shardCount]).toEqual([
      2, 2, 1, 1,
    ])
    expect(streamNamed(before, 'a')?.id).toBe(1)
    expect(streamNamed(after, 'a')).toBeUndefined()
    expect(shardsOf(after, 2)).toBe(shardsOf(before, 2))
  })

  it('keeps shards in the order of their indexes, whatever the order of the rows', () => {
    const state = applyChanges(emptyCatalog, puts(shard(1, 2, 3), shard(1, 0, 1), shard(1, 1, 2)))
    expect(shardsOf(state, 1).map(({ index }) => index)).toEqual([0, 1, 2])
  })

  it('counts a row that is put again once', () => {
    const state = applyChanges(emptyCatalog, puts(shard(1, 0, 1)))
    expect(applyChanges(state, puts(shard(1, 0, 1))).shardCount).toBe(1)
  })

  it('refuses two streams of one name', () => {
    expect(() => applyChanges(emptyCatalog, puts(stream(1, 'a'), stream(2, 'a')))).toThrow(/called a/)
  })
})

describe('readCatalog refuses rows that cannot all be true', () => {
  const half = '7'.padEnd(32, 'f')
  it.each<[string, CatalogRow[], RegExp]>([
    ['a shard without its stream', [broker, shard(1, 0, 1)], /does not know/],
    [
      'a slot of two shards',
      [broker, stream(1, 'a'), shard(1, 0, 1), stream(2, 'b'), shard(2, 0, 1)],
      /slot 1/,
    ],
    ['a slot that would be given out again', [broker, stream(1, 'a'), shard(1, 0, 10)], /slot 10/],
    ['a stream id that would be given out again', [broker, stream(10, 'a'), shard(10, 0, 1)], /stream id 10/],
    ['ranges with a hole', [broker, stream(1, 'a'), shard(1, 0, 1, '0'.repeat(32), half)], /./],
    ['a stream without shards', [broker, stream(1, 'a')], /./],
  ])('%s', (_, rows, message) => {
    expect(() => readCatalog(rows)).toThrow(message)
  })

  it('and takes those that can', () => {
    expect(readCatalog([shard(1, 0, 1), stream(1, 'a'), broker]).shardCount).toBe(1)
  })
})
