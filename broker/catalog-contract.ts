// The catalog's rows and the store that keeps them. Types only. `storage/` implements the store, `control/` uses it,
// and neither imports the other. The whole catalog is read once at start and then lives in the controller's memory:
// its size is bounded by the limits on streams and shards.
import type { Scaling, ShardLimits } from '../protocol/operations.ts'

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
    /** Bytes of stored batches that are kept; 0 for no bound. */
    readonly retentionBytes: number
    readonly mode: 'provisioned' | 'on-demand'
    readonly shardLimits: ShardLimits
    readonly scaling: Scaling
    /** Where updateShardCount is going, until it is there: a start goes on with it. */
    readonly targetShardCount: number | null
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
    readonly closedAt: number | null
  }
}

/** A shard to be, with everything that is decided about it before it exists. */
export interface PlannedShard {
  readonly shardIndex: number
  readonly ownerId: number
  readonly slot: number
  /** 32 hex digits. */
  readonly startingHashKey: string
  readonly endingHashKey: string
}

/** Some shards become others over the same range of hash keys: one becomes two or three, or two become one. */
export interface ReshardMove {
  readonly parents: readonly number[]
  readonly children: readonly PlannedShard[]
}

/**
 * The journal of a change of a stream's shards: there while the change runs, one per stream. 'sealing': the parents are
 * open in the catalog, and may be sealed at their owners; 'opening': the parents are closed and the children open in the
 * catalog, and the children's hosts may not know of them yet. It is only ever carried forward, never back.
 */
export interface ReshardRow {
  readonly family: 'reshard'
  /** The stream's id. */
  readonly key: number
  readonly value: {
    readonly step: 'sealing' | 'opening'
    readonly moves: readonly ReshardMove[]
    readonly startedAt: number
    /** Who asked for it, for the log. */
    readonly cause: 'split' | 'merge' | 'scale' | 'autoscale'
  }
}

/** A closed shard that has expired and left the catalog, until its owner has forgotten it. */
export interface RetiredRow {
  readonly family: 'retired'
  /** Its slot. */
  readonly key: number
  readonly value: {
    readonly ownerId: number
    /** Of a stream that may be deleted by now. */
    readonly streamId: number
    readonly shardIndex: number
  }
}

export type CatalogRow = BrokerRow | StreamRow | ShardRow | ReshardRow | RetiredRow

export type CatalogChange =
  | { readonly put: CatalogRow }
  | {
      readonly remove:
        | Pick<BrokerRow, 'family' | 'key'>
        | Pick<StreamRow, 'family' | 'key'>
        | Pick<ShardRow, 'family' | 'key'>
        | Pick<ReshardRow, 'family' | 'key'>
        | Pick<RetiredRow, 'family' | 'key'>
    }

export interface CatalogStore {
  /** Every row, in no particular order. */
  load(): readonly CatalogRow[]
  /** All changes or none; durable when it fulfils. After a rejection the store must be closed and opened again. */
  commit(changes: readonly CatalogChange[]): Promise<void>
  close(): Promise<void>
}
