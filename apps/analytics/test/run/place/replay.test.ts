// Which records lie between two positions, through splits and merges.
import { expect, it } from 'vitest'
import type { StreamPosition } from 'millrace'
import { shardIdOf } from 'millrace/protocol'
import {
  earlier,
  earliest,
  isWithin,
  latest,
  rangesBetween,
  recordsBetween,
  type ListedShard,
} from '../../../src/run/place/replay.ts'

const [s0, s1, s2, s3] = [0, 1, 2, 3].map((index) => shardIdOf(index)) as [string, string, string, string]

function position(shardsBelow: number, shards: Readonly<Record<string, number>>): StreamPosition {
  return { streamId: 1, shardsBelow, shards }
}

/** Shard 0 was split into 2 and 3 after its record 9; 1 is open. */
const shards: readonly ListedShard[] = [
  { shardId: s0, startingSequenceNumber: 0, endingSequenceNumber: 9 },
  { shardId: s1, startingSequenceNumber: 0, endingSequenceNumber: undefined },
  { shardId: s2, startingSequenceNumber: 10, endingSequenceNumber: undefined },
  { shardId: s3, startingSequenceNumber: 10, endingSequenceNumber: undefined },
]

it('of shards that both know, from one number to the other', () => {
  const ranges = rangesBetween(position(2, { [s0]: 3, [s1]: 5 }), position(2, { [s0]: 7, [s1]: 5 }), shards)
  expect(ranges).toEqual([{ shardId: s0, from: 3, until: 7 }])
})

it('a shard that was read to its end meanwhile, to its end, and its children from their first record', () => {
  const ranges = rangesBetween(
    position(2, { [s0]: 3, [s1]: 5 }),
    position(4, { [s1]: 6, [s2]: 12, [s3]: 10 }),
    shards,
  )
  expect(ranges).toEqual([
    { shardId: s0, from: 3, until: 10 },
    { shardId: s1, from: 5, until: 6 },
    { shardId: s2, from: 10, until: 12 },
  ])
})

it('nothing of shards that were left out from the start, or that have expired', () => {
  const from = position(4, { [s2]: 10, [s3]: 10 })
  expect(rangesBetween(from, position(4, { [s2]: 11, [s3]: 10 }), shards)).toEqual([
    { shardId: s2, from: 10, until: 11 },
  ])
  expect(rangesBetween(position(2, { [s0]: 3 }), position(2, {}), shards.slice(1))).toEqual([])
})

it('an earlier place is that of the first row in each shard, also in one that was read to its end', () => {
  const firsts = new Map([
    [s0, 4],
    [s2, 11],
    [s3, 99],
  ])
  expect(earlier(position(4, { [s1]: 6, [s2]: 12, [s3]: 10 }), firsts)).toEqual(
    position(4, { [s0]: 4, [s1]: 6, [s2]: 11, [s3]: 10 }),
  )
})

it('the earliest of two places reads what either reads: shards from their first record that one of them does not know', () => {
  expect(earliest(position(4, { [s1]: 6, [s2]: 12, [s3]: 10 }), position(4, { [s0]: 2, [s2]: 20 }))).toEqual(
    position(4, { [s0]: 2, [s1]: 6, [s2]: 12, [s3]: 10 }),
  )
  const early = position(2, { [s0]: 3 })
  const late = position(4, { [s1]: 6, [s2]: 12, [s3]: 10 })
  expect(earliest(late, early)).toEqual(position(2, { [s0]: 3, [s1]: 6 }))
  expect(earliest(early, late)).toEqual(position(2, { [s0]: 3, [s1]: 6 }))
  expect(earliest(early, { ...late, streamId: 2 })).toEqual(early)
})

it('the latest of two places reads what both read: nothing of a shard that one of them has read to its end', () => {
  const early = position(2, { [s0]: 3, [s1]: 5 })
  const late = position(4, { [s1]: 4, [s2]: 12, [s3]: 10 })
  expect(latest(early, late)).toEqual(position(4, { [s1]: 5, [s2]: 12, [s3]: 10 }))
  expect(latest(late, early)).toEqual(position(4, { [s1]: 5, [s2]: 12, [s3]: 10 }))
  expect(latest(early, { ...late, streamId: 2 })).toEqual(early)
})

it('a place is within another one where it is nowhere in front of it', () => {
  const early = position(2, { [s0]: 3, [s1]: 5 })
  expect(isWithin(early, early)).toBe(true)
  expect(isWithin(early, position(4, { [s1]: 5, [s2]: 10 }))).toBe(true)
  expect(isWithin(early, position(4, { [s1]: 4, [s2]: 10 }))).toBe(false)
  expect(isWithin(position(4, { [s1]: 5, [s2]: 10 }), early)).toBe(false)
  // It has read shard 0 to its end, the other one has not.
  expect(isWithin(position(2, { [s1]: 5 }), early)).toBe(false)
  expect(isWithin(early, { ...early, streamId: 2 })).toBe(false)
})

it('counts the records between two places', () => {
  const early = position(2, { [s0]: 3, [s1]: 5 })
  expect(recordsBetween(early, position(2, { [s0]: 7, [s1]: 6 }))).toBe(5)
  expect(recordsBetween(position(2, { [s1]: 5 }), position(2, { [s0]: 7, [s1]: 5 }))).toBe(0)
})
