// Valid catalog rows for tests: a test names only the fields that it is about.
import {
  catalogFamilies,
  catalogFamilyNames,
  keyOfFields,
  valueOf,
  type RowFamily,
} from '../../broker/catalog/families.ts'
import { OrderedMap } from '../../broker/catalog/ordered-map.ts'
import type { CatalogState } from '../../broker/catalog/state.ts'
import { rowsOf } from '../../broker/catalog/tables.ts'
import type {
  BrokerRow,
  CatalogRow,
  ReshardRow,
  RetiredRow,
  ShardRow,
  StreamRow,
} from '../../broker/catalog-contract.ts'
import { settingDefaults } from '../../protocol/stream-settings.ts'

export const brokerRow = (over: Partial<BrokerRow['value']> = {}): BrokerRow => ({
  family: 'broker',
  key: 'broker',
  value: { brokerId: 'b', createdAt: 1, nextStreamId: 100, nextSlot: 100, ...over },
})

export const streamRow = (key: number, over: Partial<StreamRow['value']> = {}): StreamRow => ({
  family: 'stream',
  key,
  value: {
    name: `s${key}`,
    status: 'ACTIVE',
    ...settingDefaults,
    retentionMs: 1,
    createdAt: 1,
    epoch: 1,
    nextShardIndex: 50,
    scaling: { shardsMin: 1, shardsMax: 100, targetBytesPerSecond: 1, targetRecordsPerSecond: 1 },
    targetShardCount: null,
    ...over,
  },
})

/** An open shard over the whole hash key range, in slot `shardIndex + 1`. */
export const shardRow = (
  streamId: number,
  shardIndex: number,
  over: Partial<ShardRow['value']> = {},
): ShardRow => ({
  family: 'shard',
  key: { streamId, shardIndex },
  value: {
    ownerId: 0,
    slot: shardIndex + 1,
    parents: [],
    startingHashKey: '0'.repeat(32),
    endingHashKey: 'f'.repeat(32),
    state: 'OPEN',
    startingSequenceNumber: 0,
    endingSequenceNumber: null,
    createdAt: 1,
    closedAt: null,
    ...over,
  },
})

export const reshardRow = (key: number, over: Partial<ReshardRow['value']> = {}): ReshardRow => ({
  family: 'reshard',
  key,
  value: { step: 'sealing', moves: [], startedAt: 1, cause: 'split', ...over },
})

export const retiredRow = (slot: number, over: Partial<RetiredRow['value']> = {}): RetiredRow => ({
  family: 'retired',
  key: slot,
  value: { ownerId: 0, streamId: 1, shardIndex: 0, ...over },
})

/** The rows of a catalog state, as they would be stored. */
export function allRows(state: CatalogState): CatalogRow[] {
  return catalogFamilyNames.flatMap((family) => {
    const { key, as }: RowFamily = catalogFamilies[family]
    return Array.from(rowsOf(state, family), (row) => {
      const named = row as unknown as Readonly<Record<string, number>>
      const fields = Object.fromEntries(Object.keys(key).map((name) => [name, named[as?.[name] ?? name]!]))
      return { family, key: keyOfFields(family, fields), value: valueOf(family, row) } as CatalogRow
    })
  })
}

/** The lowest hash key that begins with these digits. */
export const from = (digits: string): string => digits.padEnd(32, '0')
/** The highest hash key that begins with these digits. */
export const upTo = (digits: string): string => digits.padEnd(32, 'f')

/** One stream's shards in the form that a state holds them. */
export function byIndex<S extends { readonly index: number }>(shards: readonly S[]): OrderedMap<number, S> {
  return shards.reduce((map, shard) => map.set(shard.index, shard), OrderedMap.empty<number, S>())
}
