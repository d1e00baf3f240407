// Records on their way from a shard that is no more to those that took its place: in their order, whatever else happens
// to the lanes meanwhile.
import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { Accumulator } from '../../../../client/producer/batches/accumulator.ts'
import type { Lane } from '../../../../client/producer/lanes/lane.ts'
import type { LaneRouting } from '../../../../client/producer/lanes/lanes.ts'
import { resolveProducerSettings } from '../../../../client/producer/options.ts'
import type { PendingBatch } from '../../../../client/producer/batches/pending-batch.ts'
import { stampBatch } from '../../../../protocol/batch/batch.ts'
import { hashKeyFromBigInt } from '../../../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { RoutedShard } from '../../../../protocol/operations.ts'
import { readRecords } from '../../../../protocol/batch/record.ts'
import { ShardMap, evenRanges } from '../../../../protocol/shards/shard-map.ts'

/** The open shards, of even ranges; whatever else is asked for is closed. */
function routingTo(...open: number[]): LaneRouting {
  const ranges = evenRanges(open.length)
  return {
    streamId: 1,
    map: new ShardMap(open.map((index, i) => ({ index, range: ranges[i]! }))),
    shard: (index) => ({ index, state: open.includes(index) ? 'OPEN' : 'CLOSED' }) as RoutedShard,
  }
}

/** A batch for each record, unless told otherwise; even ones for the lowest hash key, odd ones for the highest. */
function accumulating(
  count: number,
  { batchRecords = 1, monotonic = (): number => 0 } = {},
): { records: Accumulator; lane: Lane } {
  const records = new Accumulator({
    routing: routingTo(0),
    producerSettings: resolveProducerSettings({ batchRecords }),
    monotonic,
    random: Math.random,
    randomBytes,
    onReady: () => {},
  })
  for (let i = 0; i < count; i++) add(records, i)
  return { records, lane: records.lanes.all()[0]! }
}

function add(records: Accumulator, value: number): void {
  const hashKey = hashKeyFromBigInt(value % 2 === 0 ? 0n : 2n ** 128n - 1n)
  records.add({ partitionKey: 'k', data: Uint8Array.of(value), explicitHashKey: hashKey }, hashKey, 0)
}

function valuesIn(records: Accumulator): Record<number, number[]> {
  const of = (lane: Lane) => {
    if (lane.open !== undefined) records.seal(lane)
    return [...lane.batches()].flatMap(({ bytes }) => {
      stampBatch(bytes!, 0, 0)
      return Array.from(readRecords(bytes!), ({ data }) => data[0]!)
    })
  }
  return Object.fromEntries(records.lanes.all().map((lane) => [lane.shardIndex, of(lane)]))
}

it('records that have moved stay ahead of those that still wait, when their new lane begins an epoch', () => {
  const { records, lane } = accumulating(6)
  records.lanes.adopt(routingTo(1, 2))
  records.moveOn(lane, 1)
  for (const child of records.lanes.all()) if (!child.isVanishing) records.startOver(child)
  add(records, 6)
  records.moveOn(lane, Infinity)
  records.lanes.remove(lane)
  expect(valuesIn(records)).toEqual({ 1: [0, 2, 4, 6], 2: [1, 3, 5] })
})

it('records that have moved stay ahead of those that still wait, when their new shard is split as well', () => {
  const { records, lane } = accumulating(6)
  records.lanes.adopt(routingTo(1, 2))
  records.moveOn(lane, 1)
  const children = records.lanes.adopt(routingTo(3, 4, 5, 6))
  for (const child of children) records.moveOn(child, Infinity)
  add(records, 6)
  records.moveOn(lane, Infinity)
  for (const child of children) {
    records.moveOn(child, Infinity)
    records.lanes.remove(child)
  }
  records.lanes.remove(lane)
  expect(valuesIn(records)).toEqual({ 3: [0, 2, 4, 6], 6: [1, 3, 5] })
})

it('takes the memory of a stored batch for new ones, unless a lost connection may still hold it', () => {
  const { records } = accumulating(0)
  const addLarge = (): PendingBatch =>
    records.add({ partitionKey: 'k', data: new Uint8Array(20_000) }, new Uint32Array(4), 0)
  const batches = [addLarge(), addLarge()]
  const lane = records.lanes.all()[0]!
  const [once, twice] = [lane.take(), lane.take()]
  expect([once, twice]).toEqual(batches)
  lane.refused(twice, new MillraceError('connectionLost', 'Gone.'))
  lane.stored(once)
  lane.resume()
  expect(lane.take()).toBe(twice)
  lane.stored(twice)
  const [free, held] = [once.bytes!.buffer, twice.bytes!.buffer]
  for (const batch of [once, twice]) records.releaseStored(batch)
  const used = Array.from({ length: 10 }, () => addLarge().bytes!.buffer)
  expect(used.filter((memory) => memory === free)).toHaveLength(1)
  expect(used.some((memory) => memory === held)).toBe(false)
})

it('a batch is divided where a record of it has to wait behind another, although all of it goes to one shard', () => {
  const { records, lane } = accumulating(4, { batchRecords: 2 })
  records.lanes.adopt(routingTo(1, 2))
  records.moveOn(lane, 1)
  const [lower, upper] = records.lanes.adopt(routingTo(3))
  // The lower half has moved on to the merged shard; the upper one still holds a record.
  records.moveOn(lower!, Infinity)
  records.lanes.remove(lower!)
  records.moveOn(lane, Infinity)
  records.lanes.remove(lane)
  records.moveOn(upper!, Infinity)
  records.lanes.remove(upper!)
  expect(valuesIn(records)).toEqual({ 3: [0, 2, 1, 3] })
})

it('records have no more time to be stored for being encoded anew', () => {
  let now = 5
  const { records, lane } = accumulating(2, { batchRecords: 2, monotonic: () => now })
  records.lanes.adopt(routingTo(1, 2))
  now = 100
  records.moveOn(lane, Infinity)
  records.lanes.remove(lane)
  expect(records.lanes.all().map(({ oldestAt }) => oldestAt)).toEqual([5, 5])
})
