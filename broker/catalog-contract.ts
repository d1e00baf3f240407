// The catalog's rows and the store that keeps them. Types only: the rows are those of the table in catalog/families.ts.
// `storage/` implements the store, `control/` uses it, and neither imports the other. The whole catalog is read once at
// start and then lives in the controller's memory: its size is bounded by the limits on streams and shards.
import type { CatalogFamily, RowIn, RowNameIn } from './catalog/families.ts'

export type CatalogRow = RowIn<CatalogFamily>
export type BrokerRow = RowIn<'broker'>
export type StreamRow = RowIn<'stream'>
export type ShardRow = RowIn<'shard'>
export type ReshardRow = RowIn<'reshard'>
export type RetiredRow = RowIn<'retired'>

export type ReshardMove = ReshardRow['value']['moves'][number]
export type PlannedShard = ReshardMove['children'][number]

export type CatalogChange = { readonly put: CatalogRow } | { readonly remove: RowNameIn<CatalogFamily> }

export interface CatalogStore {
  /** Every row as it was when the store was opened, in no particular order. Call it once: it frees the rows afterwards. */
  load(): readonly CatalogRow[]
  /** Writes all changes or none; they are durable when it fulfils. After a rejection close the store and open it again. */
  commit(changes: readonly CatalogChange[]): Promise<void>
  close(): Promise<void>
}
