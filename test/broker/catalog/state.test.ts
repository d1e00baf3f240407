// The catalog as a value: the effect of changes, and contradictions between rows that are refused.
import { describe, expect, it } from 'vitest'
import type { CatalogChange, CatalogRow } from '../../../broker/catalog-contract.ts'
import { applyChanges, emptyCatalog, readCatalog } from '../../../broker/catalog/state.ts'
import { plannedShards, shardsOf, streamNamed } from '../../../broker/control/catalog-state.ts'
import { brokerRow, from, reshardRow, shardRow, streamRow, upTo } from '../../support/catalog-rows.ts'

const broker = brokerRow({ nextStreamId: 10, nextSlot: 10 })
const stream = (key: number, name: string): CatalogRow => streamRow(key, { name, nextShardIndex: 5 })
const shard = (streamId: number, shardIndex: number, slot: number, ...range: string[]): CatalogRow =>
  shardRow(streamId, shardIndex, {
    slot,
    ...(range[0] && { startingHashKey: range[0] }),
    ...(range[1] && { endingHashKey: range[1] }),
  })
/** A journal of a split of shard 0 into halves with these indexes and slots. */
const split = (
  step: 'sealing' | 'opening',
  ...children: (readonly [index: number, slot: number])[]
): CatalogRow =>
  reshardRow(1, {
    step,
    moves: [
      {
        parents: [0],
        children: children.map(([shardIndex, slot], place) => ({
          shardIndex,
          slot,
          ownerId: 0,
          startingHashKey: from(place === 0 ? '0' : '8'),
          endingHashKey: upTo(place === 0 ? '7' : 'f'),
        })),
      },
    ],
  })
const puts = (...rows: CatalogRow[]): CatalogChange[] => rows.map((put) => ({ put }))

describe('applyChanges', () => {
  it('leaves the old state unchanged, and shares everything that the change does not touch', () => {
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
    expect([...shardsOf(state, 1).keys()]).toEqual([0, 1, 2])
  })

  it('counts a row once that is put twice', () => {
    const state = applyChanges(emptyCatalog, puts(shard(1, 0, 1)))
    expect(applyChanges(state, puts(shard(1, 0, 1))).shardCount).toBe(1)
  })

  it('counts planned shards until their rows are in the catalog', () => {
    const before = applyChanges(emptyCatalog, puts(split('sealing', [1, 2], [2, 3])))
    expect(plannedShards(before, 1).map(({ slot }) => slot)).toEqual([2, 3])
    const after = applyChanges(before, puts(split('opening', [1, 2], [2, 3])))
    expect([plannedShards(after, 1), plannedShards(after, 2), after.journals.size]).toEqual([[], [], 1])
    expect(applyChanges(after, [{ remove: { family: 'reshard', key: 1 } }]).journals.size).toBe(0)
  })

  it('refuses two streams of one name', () => {
    expect(() => applyChanges(emptyCatalog, puts(stream(1, 'a'), stream(2, 'a')))).toThrow(/called a/)
  })
})

describe('readCatalog', () => {
  const half = '7'.padEnd(32, 'f')
  it.each<[string, CatalogRow[], RegExp]>([
    [
      'a shard without its stream',
      [broker, shard(1, 0, 1)],
      /shardId-000000000000: Its stream does not exist/,
    ],
    [
      'a slot of two shards',
      [broker, stream(1, 'a'), shard(1, 0, 1), stream(2, 'b'), shard(2, 0, 1)],
      /slot 1/,
    ],
    ['a slot that would be given out again', [broker, stream(1, 'a'), shard(1, 0, 10)], /slot 10/],
    ['a stream id that would be given out again', [broker, stream(10, 'a'), shard(10, 0, 1)], /stream id 10/],
    ['ranges with a hole', [broker, stream(1, 'a'), shard(1, 0, 1, '0'.repeat(32), half)], /./],
    ['a stream without shards', [broker, stream(1, 'a')], /./],
    [
      'a journal without its stream',
      [broker, split('sealing')],
      /journal of its change: Its stream does not exist/,
    ],
    [
      'a planned slot that a shard has',
      [broker, stream(1, 'a'), shard(1, 0, 1), split('sealing', [1, 1], [2, 2])],
      /slot 1/,
    ],
    [
      'a planned slot that would be given out again',
      [broker, stream(1, 'a'), shard(1, 0, 1), split('sealing', [1, 2], [2, 10])],
      /slot 10/,
    ],
    [
      'a planned index that would be given out again',
      [broker, stream(1, 'a'), shard(1, 0, 1), split('sealing', [4, 2], [5, 3])],
      /index 5/,
    ],
  ])('refuses %s', (_, rows, message) => {
    expect(() => readCatalog(rows)).toThrow(message)
  })

  it('accepts rows that do not contradict each other', () => {
    expect(readCatalog([shard(1, 0, 1), stream(1, 'a'), broker]).shardCount).toBe(1)
    const changing = [stream(1, 'a'), shard(1, 0, 1), split('sealing', [1, 2], [2, 3]), broker]
    expect(readCatalog(changing).shardCount).toBe(1)
  })
})
