// The options and the answer of one fetch of a shard, for programs that keep positions themselves. Runs in the client; types only.
import type { DecoderOption } from '../codecs.ts'
import type { OnUnreadable } from '../reading/unreadable.ts'
import type { Position } from '../reading/position.ts'
import type { StreamRecord } from '../record.ts'
import type { CallOptions } from '../settings.ts'
import type { Shard } from '../streams/descriptions.ts'

/** Options of `fetch`. */
export interface FetchOptions<T = Uint8Array> extends CallOptions {
  /** The shard to read. */
  readonly shard: string
  /** Where to begin in it: a place, or the `next` of an earlier fetch as `{ atSequenceNumber: next }`, which costs one request less than a time. */
  readonly from: Position
  /** Most records of the answer; 10,000 by default. */
  readonly recordsMax?: number
  /** Most bytes of keys, headers and data together; 10 MiB by default. One record may exceed it. */
  readonly bytesMax?: number
  /** How long the broker waits for a record if there is none; 0 by default. */
  readonly waitMs?: number
  /** The `id` of the stream that is meant: a stream that was deleted and made again has another one, and is refused with `streamNotFound`. */
  readonly streamId?: number
  /** Decodes payloads to `data`; bytes by default. */
  readonly codec?: DecoderOption<T>
  /** For a position whose records have expired: fail with `trimmed`, or go on at the trim horizon. */
  readonly onTrimmed?: 'fail' | 'horizon'
  /** For stored records that cannot be read: 'fail', the default, rejects with the error; a function is told of them, and the answer goes on after them. */
  readonly onUnreadable?: OnUnreadable
}

/** Options of `resolvePosition`. */
export type ResolvePositionOptions = Pick<FetchOptions, 'shard' | 'from' | 'streamId' | 'signal'>

/** A position in a shard, as a number. */
export interface ResolvedPosition {
  /** Of the first record to read; that of the next record to be stored if there is none. */
  readonly sequenceNumber: number
  /** The next sequence number that the shard will assign. */
  readonly tail: number
  /** Oldest readable sequence number of the shard. */
  readonly trimHorizon: number
}

/** The answer of `fetch`. */
export interface Fetched<T = Uint8Array> {
  /** The records from the position on, in order; none where none is stored there yet. */
  readonly records: readonly StreamRecord<T>[]
  /** Sequence number to go on from. */
  readonly next: number
  /** The next sequence number that the shard will assign. */
  readonly tail: number
  /** Oldest readable sequence number of the shard. */
  readonly trimHorizon: number
  /** How far the answer is behind the newest record: 0 at the tail, else the age of its last record by the broker's clock. */
  readonly millisBehind: number
  /** True if the shard is closed and this is its end: go on with its children, once all of their parents are read. */
  readonly isEnd: boolean
  /** The shards that have replaced it, with `isEnd`; else empty. After a merge, one child with two parents. */
  readonly children: readonly ChildShard[]
}

/** A shard that has replaced another one. */
export type ChildShard = Pick<Shard, 'shardId' | 'parentShardIds' | 'hashKeyRange' | 'startingSequenceNumber'>
