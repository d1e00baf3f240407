// The catalog's rows and the store that keeps them. Types only. `storage/` implements the store, `control/` uses it,
// and neither imports the other. The whole catalog is read once at start and then lives in the controller's memory:
// its size is bounded by the limits on streams and shards.

/** One row for the data directory as a whole. Counters only rise: ids and slots are never reused. */
export interface BrokerRow {
  readonly family: 'broker'
  readonly key: 'broker'
  readonly value: {
    readonly brokerId: string
    readonly createdAt: number
    readonly nextStreamId: number
    readonly nextSlot: number
  }
}

export interface StreamRow {
  readonly family: 'stream'
  /** The stream's id. */
  readonly key: number
  readonly value: {
    readonly name: string
    readonly status: 'CREATING' | 'ACTIVE' | 'DELETING'
    readonly retentionMs: number
    readonly createdAt: number
    readonly epoch: number
    readonly nextShardIndex: number
  }
}

export interface ShardRow {
  readonly family: 'shard'
  readonly key: { readonly streamId: number; readonly shardIndex: number }
  readonly value: {
    readonly ownerId: number
    /** Names the shard inside its owner's segments. */
    readonly slot: number
    readonly parents: readonly number[]
    /** 32 hex digits. */
    readonly startingHashKey: string
    readonly endingHashKey: string
    readonly state: 'OPEN' | 'CLOSED'
    readonly startingSequenceNumber: number
    readonly endingSequenceNumber: number | null
    readonly createdAt: number
  }
}

export type CatalogRow = BrokerRow | StreamRow | ShardRow

export type CatalogChange =
  | { readonly put: CatalogRow }
  | {
      readonly remove:
        | Pick<BrokerRow, 'family' | 'key'>
        | Pick<StreamRow, 'family' | 'key'>
        | Pick<ShardRow, 'family' | 'key'>
    }

export interface CatalogStore {
  /** Every row, in no particular order. */
  load(): readonly CatalogRow[]
  /** All changes or none; durable when it fulfils. After a rejection the store must be closed and opened again. */
  commit(changes: readonly CatalogChange[]): Promise<void>
  close(): Promise<void>
}
