// What a host's main thread and an owner thread say to each other. Types only, no runtime.
// Appends are the hot path: one message and one transferred buffer a turn in each direction, never a clone of bytes.
import type { ErrorCode } from '../../protocol/error-codes.ts'

/** A shard as the owner knows it: a slot in its segments, never reused. */
export interface OwnedShard {
  readonly slot: number
  /** The lowest number that the shard may assign, from the catalog; what is stored may be higher. */
  readonly startingSequenceNumber: number
}

/** Where a shard stands, as far as everything durable says. */
export interface ShardExtent {
  readonly slot: number
  /** Oldest stored number; equals `tail` while the shard is empty. */
  readonly trimHorizon: number
  /** Next number to assign. */
  readonly tail: number
  /** Arrival time of the newest batch, 0 when there is none. */
  readonly lastArrivalTime: number
  /** Bytes of its batches in the active segment, and the number where these begin. */
  readonly bytes: number
  readonly activeFirst: number
  /** Sealed: it takes nothing more, and its tail is final. */
  readonly closed: boolean
}

/** Directory names of the segments that may hold records, oldest first; the last one is active. */
export interface SegmentList {
  readonly directory: string
  readonly segments: readonly string[]
}

/** A shard's oldest readable number. */
export interface ShardHorizon {
  readonly slot: number
  readonly trimHorizon: number
}

/** What an owner says is wanted of its sealed segments: whatever is not, may go. */
export interface Wanted {
  /** Every shard that is not forgotten. */
  readonly shards: readonly ShardHorizon[]
  /** Shards too damaged to be served: everything of them stays. */
  readonly refused: readonly number[]
  readonly list: SegmentList
  /** Of the active segment: bytes in use, and when it was created. */
  readonly activeBytes: number
  readonly activeSince: number
}

/**
 * Appends gathered in one turn. `arena` holds whole batches back to back and is transferred, both ways: it comes back
 * with the base sequence number and the arrival time stamped into every stored batch, to feed the tail cache.
 * `entries` holds, for each batch: slot, offset in the arena, length, and of its producer the tag that it has proven, and the
 * session and the address that it writes from; 0 without one. `now` is when they arrived, by the clock of the host: an owner's
 * thread has none of its own, because a wall clock by itself cannot be believed.
 */
export interface AppendGroup {
  readonly now: number
  readonly arena: ArrayBuffer
  readonly entries: Float64Array
}

/** For each batch of the group, in order: code, base sequence number, arrival time, 1 if a duplicate of a stored batch. */
export interface AppendOutcome {
  readonly arena: ArrayBuffer
  readonly results: Float64Array
}

export interface OwnerStats {
  readonly commits: number
  readonly batches: number
  readonly bytes: number
  readonly segments: number
  /** Producers that it remembers, each once a shard. */
  readonly producers: number
  /** Sum and count of commit times, milliseconds, for a rate and a mean. */
  readonly commitMs: number
}

/** How an owner is opened: plain data, so that it can be sent to its thread. */
export interface OwnerOptions {
  readonly ownerId: number
  readonly directory: string
  /** Size at which a segment is sealed and the next one takes over. */
  readonly segmentBytes: number
  /** Appends are refused while the free space is below this. */
  readonly freeSpaceFloorBytes: number
  /** How long to wait for another process that still holds the directory; not at all by default. */
  readonly lockWaitMs?: number
}

/** First message of an owner thread; calls and notices follow where it started. */
export type OwnerStarted =
  { readonly started: true } | { readonly started: false; readonly code: ErrorCode; readonly message: string }

export type OwnerCalls = {
  /**
   * Takes appends for these shards. The reply leaves out those that were forgotten, because their slots never come back,
   * and those too damaged to be served.
   */
  open: {
    request: { readonly shards: readonly OwnedShard[] }
    reply: { readonly extents: readonly ShardExtent[] }
  }
  /** The shards' records are no longer wanted, and nobody opens their slots again. May be asked again. */
  forget: { request: { readonly slots: readonly number[] }; reply: null }
  /**
   * Takes no more appends for these shards, durably, once everything queued before is done. A batch that is stored already
   * is still answered as stored, any other as `shardClosed`. May be asked again. The reply leaves out shards that are not
   * open, were forgotten, or are too damaged to be served.
   */
  seal: {
    request: { readonly slots: readonly number[] }
    reply: { readonly extents: readonly ShardExtent[] }
  }
  /** Raises trim horizons, durably. One that is lower than what holds changes nothing; one above the tail is a defect. */
  trim: {
    request: { readonly horizons: readonly ShardHorizon[] }
    reply: null
  }
  /** What compaction and removal may go by. */
  wanted: { request: null; reply: Wanted }
  /** Seals the active segment, unless it holds no batch. */
  roll: { request: null; reply: { readonly rolled: boolean } }
  /**
   * Puts `target`, a complete and flushed segment in the owner's directory that no manifest names, in the place of `sources`,
   * neighbours among the sealed ones; or drops them where it is null. Durable when answered; the sources are then removed.
   * Rejects with `invalidArgument`, and changes nothing, where the sources are not (any more) what was meant; a target that
   * is refused is removed.
   */
  replaceSegments: {
    request: { readonly sources: readonly string[]; readonly target: string | null }
    reply: null
  }
  append: { request: AppendGroup; reply: AppendOutcome }
  stats: { request: null; reply: OwnerStats }
  /** Finishes what was queued, closes every environment, gives the lock back. No call is answered after it. */
  close: { request: null; reply: null }
}

/** One-way, owner to host. */
export type OwnerNotice =
  | { readonly notice: 'segments'; readonly list: SegmentList }
  /** A flush failed and storage was reopened from disk: these are the tails that hold now. */
  | { readonly notice: 'reopened'; readonly extents: readonly ShardExtent[]; readonly reason: string }
  /** Rows were found damaged when storage was opened: what they were, and what became of them, in sentences. */
  | { readonly notice: 'damaged'; readonly found: readonly string[] }
  /** Free space crossed the floor. */
  | { readonly notice: 'space'; readonly full: boolean; readonly freeBytes: number }
