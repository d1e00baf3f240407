// The form of a query's progress in its document: what is packed comes back as it was, also of thousands of shards, within the bound.
import { limits, shardIdOf, type QueryDefinition } from 'millrace/protocol'
import type { AppendPlan, StreamPosition } from 'millrace'
import { expect, it } from 'vitest'
import { progressCodec } from '../../../src/run/place/packed.ts'
import type { QueryProgress } from '../../../src/run/place/query-place.ts'
import { randomOf, type Random } from '../../../../../test/support/random.ts'

const SHARDS = 4096

function positionOf(placeIn: (shard: number) => number): StreamPosition {
  const shards = Array.from({ length: SHARDS }, (_, i) => [shardIdOf(i + 7), placeIn(i)] as const)
  return { streamId: 3, shardsBelow: SHARDS + 7, shards: Object.fromEntries(shards) }
}

function progressOf(streams: readonly string[], random: Random, parts: number): QueryProgress {
  const numbers = streams.map(() => Array.from({ length: SHARDS }, () => random.below(1e10)))
  const positions = (by: () => number) =>
    Object.fromEntries(streams.map((stream, at) => [stream, positionOf((i) => numbers[at]![i]! + by())]))
  const plan: AppendPlan = {
    version: 1,
    streamId: 4,
    parts: Array.from({ length: parts }, (_, i) => ({
      shardId: shardIdOf(i),
      hashKeys: [random.bytes(16).toString('hex'), random.bytes(16).toString('hex')],
      secret: random.bytes(16).toString('base64url'),
      firstSequence: 0,
      batches: [3],
      stored: 0,
      from: random.below(1e10),
      sentFrom: 1_767_225_600_000,
      sentUntil: 1_767_225_660_000,
    })),
  }
  return {
    owner: 'a',
    epoch: 1,
    revision: 2,
    definition: { id: 'q', version: 1 } as QueryDefinition,
    place: {
      watermark: 5,
      positions: positions(() => 0),
      replayFrom: positions(() => -random.below(1e5)),
      late: { 'clicks ts': { [shardIdOf(7)]: [1, 2, 3] } },
      heldSince: 4,
    },
    prepared: {
      watermark: null,
      positions: positions(() => random.below(1e3)),
      chunk: 2,
      plans: { views: plan },
    },
  }
}

const codec = progressCodec as Exclude<typeof progressCodec, { schema: unknown }>

it.each([['clicks'], ['clicks', 'views']])(
  'places of 4,096 shards of each stream fit into a document, and come back as they were',
  (...streams) => {
    const progress = progressOf(streams, randomOf(1), 1000)
    const content = codec.encode(progress)
    expect(content.length).toBeLessThanOrEqual(limits.documentBytesMax)
    expect(codec.decode(content)).toEqual(progress)
  },
)

it('shards that only one of two places has come back, in their order', () => {
  const { prepared, ...progress } = progressOf(['clicks'], randomOf(2), 0)
  const shards = { [shardIdOf(9000)]: 5, [shardIdOf(8)]: 6, [shardIdOf(12)]: 0 }
  const replayFrom = {
    clicks: { streamId: 3, shardsBelow: 1, shards },
    other: { streamId: 9, shardsBelow: 0, shards },
  }
  const given = { ...progress, place: { ...progress.place!, replayFrom } }
  const back = codec.decode(codec.encode(given))
  expect(back).toEqual(given)
  expect(Object.keys(back.place!.replayFrom['clicks']!.shards)).toEqual(Object.keys(shards))
  expect(prepared).toBeDefined()
})

it('what does not fit is refused, with what to do', () => {
  const progress = progressOf(['clicks', 'views', 'orders'], randomOf(3), SHARDS)
  expect(() => codec.encode(progress)).toThrow(
    /reads 12288 shards, and writes to 4096 at once\. Merge shards/,
  )
})
