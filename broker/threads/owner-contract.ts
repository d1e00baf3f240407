// The calls and notices between a host's main thread and an owner thread. Types only, no runtime. Appends are the hot
// path: one message and one transferred buffer per turn in each direction, and bytes are never cloned.
import type { ErrorCode } from '../../protocol/error-codes.ts'

/** A shard as its owner knows it. Slots are never reused. */
export interface OwnedShard {
  readonly slot: number
  /** The lowest number that the shard may assign, from the catalog; stored records may be higher. */
  readonly startingSequenceNumber: number
}

/** A shard's durable position. */
export interface ShardExtent {
  readonly slot: number
  /** Oldest stored sequence number; equals `tail` if the shard is empty. */
  readonly trimHorizon: number
  /** The next sequence number that the shard will assign. */
  readonly tail: number
  /** Arrival time of the newest batch; 0 if there is none. */
  readonly lastArrivalTime: number
  /** Bytes of the shard's batches in the active segment, and the sequence number of the first of them. */
  readonly bytes: number
  readonly activeFirst: number
  /** True if the shard is sealed: it takes no more appends, and its tail is final. */
  readonly closed: boolean
}

/** Names of the segment directories that may hold records, oldest first; the last one is active. */
export interface SegmentList {
  readonly directory: string
  readonly segments: readonly string[]
}

/** A shard and its trim horizon: the oldest number that can still be read. */
export interface ShardHorizon {
  readonly slot: number
  readonly trimHorizon: number
}

/** What may still be read of the sealed segments; everything else may be removed. */
export interface Wanted {
  /** Every shard that is not forgotten. */
  readonly shards: readonly ShardHorizon[]
  /** Slots of shards too damaged to be served; all of their data is kept. */
  readonly refused: readonly number[]
  readonly list: SegmentList
  /** Of the active segment: bytes in use, and when it was created. */
  readonly activeBytes: number
  readonly activeSince: number
}

/**
 * Appends gathered in one turn. `arena` holds whole batches back to back and is transferred both ways: it returns with
 * base sequence number and arrival time stamped into every stored batch, for the tail cache. `entries` holds for each
 * batch ENTRY_FIELDS numbers: slot, offset in the arena, length; and the producer's proven tag, its holder, its address, the tag
 * of its secret alone and its holder's quota, each 0 without a producer. `now` is when the appends arrived, by the host's clock: an owner thread reads no wall clock, because a wall
 * clock that jumps must be noticed in one place.
 */
export interface AppendGroup {
  readonly now: number
  readonly arena: ArrayBuffer
  readonly entries: Float64Array
}

/** For each batch, in order: code, base sequence number, arrival time, 1 if a duplicate of a stored batch. */
export interface AppendOutcome {
  readonly arena: ArrayBuffer
  readonly results: Float64Array
}

export interface OwnerStats {
  readonly commits: number
  readonly batches: number
  readonly bytes: number
  readonly segments: number
  /** Producers that the owner remembers; a producer counts once per shard. */
  readonly producers: number
  /** Total time of all commits, in milliseconds. */
  readonly commitMs: number
}

/** How an owner is opened. Plain data, which can be sent to its thread. */
export interface OwnerOptions {
  readonly ownerId: number
  readonly directory: string
  /** Size at which a segment is sealed and the next one opened. */
  readonly segmentBytes: number
  /** Appends are refused while the free space is below this. */
  readonly freeSpaceFloorBytes: number
  /** How long to wait for another process to release the directory; 0 by default. */
  readonly lockWaitMs?: number
}

/** An owner thread's first message. If the owner started, calls and notices follow. */
export type OwnerStarted =
  { readonly started: true } | { readonly started: false; readonly code: ErrorCode; readonly message: string }

export type OwnerCalls = {
  /**
   * Opens shards for appends. The reply leaves out forgotten shards, whose slots are never used again, and shards too
   * damaged to be served.
   */
  open: {
    request: { readonly shards: readonly OwnedShard[] }
    reply: { readonly extents: readonly ShardExtent[] }
  }
  /** Forgets shards: their records are no longer wanted, and their slots are never opened again. May be repeated. */
  forget: { request: { readonly slots: readonly number[] }; reply: null }
  /**
   * Seals shards, durably, after everything queued before is done. Afterwards a batch that is already stored is still
   * answered as stored, any other as `shardClosed`. May be repeated. The reply leaves out shards that are not open,
   * forgotten, or too damaged to be served.
   */
  seal: {
    request: { readonly slots: readonly number[] }
    reply: { readonly extents: readonly ShardExtent[] }
  }
  /** Raises trim horizons, durably. A horizon below the present one changes nothing; one above the tail is a defect. */
  trim: {
    request: { readonly horizons: readonly ShardHorizon[] }
    reply: null
  }
  /** What compaction and removal must keep. */
  wanted: { request: null; reply: Wanted }
  /** Seals the active segment and opens the next, unless the active one holds no batch. */
  roll: { request: null; reply: { readonly rolled: boolean } }
  /**
   * Replaces `sources`, neighbouring sealed segments, by `target`, a complete and flushed segment in the owner's
   * directory that no manifest names; or drops them if `target` is null. Durable when answered; the sources are removed
   * after that. Rejects with `invalidArgument`, and changes nothing, if the sources are not (any more) neighbours in
   * the list; a refused target is removed.
   */
  replaceSegments: {
    request: { readonly sources: readonly string[]; readonly target: string | null }
    reply: null
  }
  append: { request: AppendGroup; reply: AppendOutcome }
  stats: { request: null; reply: OwnerStats }
  /** Finishes the queue, closes every environment and releases the lock. No call is answered after this. */
  close: { request: null; reply: null }
}

/** One-way messages from owner to host. */
export type OwnerNotice =
  | { readonly notice: 'segments'; readonly list: SegmentList }
  /** A commit failed and storage was reopened from disk: these extents are valid now. */
  | { readonly notice: 'reopened'; readonly extents: readonly ShardExtent[]; readonly reason: string }
  /** Rows were found damaged when storage was opened: sentences on which, and what was done about them. */
  | { readonly notice: 'damaged'; readonly found: readonly string[] }
  /** The free space crossed the floor. */
  | { readonly notice: 'space'; readonly full: boolean; readonly freeBytes: number }
