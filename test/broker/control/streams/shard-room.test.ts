// The limits on the shards of all streams hold for new streams and for changes of shards, and planned shards
// count.
import { expect, test } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import { applyChanges, readCatalog, type CatalogState } from '../../../../broker/catalog/state.ts'
import { planBegin } from '../../../../broker/control/resharding/journal.ts'
import { planCreate } from '../../../../broker/control/streams/stream-changes.ts'
import { unsaid } from '../../../support/requests.ts'
import { brokerRow, reshardRow, shardRow, streamRow } from '../../../support/catalog-rows.ts'
import { fail } from '../../../support/fail.ts'

const now = 7
const owners = [0]
const defaults = { onDemandShards: 4, targetBytesPerSecond: 1, targetRecordsPerSecond: 1 }

/** Requests that add two shards. */
const requests: [string, (state: CatalogState) => unknown][] = [
  [
    'a split',
    (state) =>
      planBegin(
        state,
        { streamId: 1, intents: [{ split: 0, at: [] }], cause: 'split' },
        { now, owners },
        fail,
      ),
  ],
  [
    'a new stream',
    (state) =>
      planCreate(state, { name: 'another', shardCount: 2, ...unsaid }, { now, owners, defaults }, fail),
  ],
]

const idle = readCatalog([brokerRow({ nextSlot: 1000 }), streamRow(1), shardRow(1, 0)])
const twoLeft = { ...idle, shardCount: limits.shardsMax - 2 }
const { startingHashKey, endingHashKey } = shardRow(2, 7).value
const child = { shardIndex: 7, ownerId: 0, slot: 7, startingHashKey, endingHashKey }
const merging = reshardRow(2, { moves: [{ parents: [5, 6], children: [child] }], cause: 'merge' })
const oneLeft = applyChanges(twoLeft, [{ put: merging }])

test.each(requests)('%s: may make the last shards, unless a change under way needs one of them', (_, ask) => {
  expect(() => ask(twoLeft)).not.toThrow()
  expect(() => ask(oneLeft)).toThrow(/would be more than 100000, the limit for shards of all streams/)
})

const withNextSlot = (nextSlot: number) => ({ ...idle, broker: { ...idle.broker!, nextSlot } })

test.each(requests)('%s: may use the last slots, and never one beyond them', (_, ask) => {
  expect(() => ask(withNextSlot(2 ** 32 - 2))).not.toThrow()
  expect(() => ask(withNextSlot(2 ** 32 - 1))).toThrow(/would be more than 4294967295, the limit for/)
})

test('createStream: leaves the reserve to changes that make few shards, when it makes many', () => {
  const create = (state: CatalogState, shardCount: number) =>
    planCreate(state, { name: 'another', shardCount, ...unsaid }, { now, owners, defaults }, fail)
  const atReserve = { ...idle, shardCount: limits.shardsMax - limits.shardsReserved - 5 }
  expect(() => create(atReserve, 5)).not.toThrow()
  expect(() => create(atReserve, 6)).toThrow(/6250 are kept for changes that make up to 4/)
  expect(() => create({ ...idle, shardCount: limits.shardsMax - 4 }, 4)).not.toThrow()
})
