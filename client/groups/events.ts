// What a group tells of what it does by itself. Runs in the client; types only.
import type { MillraceError } from '../errors.ts'

/** A shard of a group, as events name it. */
export interface GroupShardPlace {
  /** Name of the stream. */
  readonly stream: string
  /** The shard. */
  readonly shardId: string
  /** The fencing epoch of the lease. */
  readonly epoch: number
}

/** What a group does by itself, told by `onEvent`. */
export type GroupEvent =
  /** The member is in the group: at the start, and again after its lease had ended. */
  | { readonly type: 'joined'; readonly memberId: string }
  /** The lease of the member has ended, or the group was deleted: all shards are given up, and the member joins again. */
  | { readonly type: 'expelled'; readonly memberId: string; readonly error: MillraceError }
  /** Renewals are sent from the main thread, where a busy handler delays them: their own thread does not run. */
  | { readonly type: 'heartbeatInMainThread'; readonly error: Error | undefined }
  /** The member reads the shard from now on. */
  | ({ readonly type: 'assigned' } & GroupShardPlace)
  /** The shard was handed over: what was under way is finished and checkpointed. */
  | ({ readonly type: 'released' } & GroupShardPlace)
  /** The shard belongs to another member by now; what was not checkpointed is processed again there. */
  | ({ readonly type: 'lost' } & GroupShardPlace)
  /** The closed shard is processed to its end: its children may begin. */
  | ({ readonly type: 'ended' } & GroupShardPlace)
  /**
   * `loadCheckpoint` has failed, or has given what is no position in the shard: then `error` is `invalidCheckpoint`. Nothing of
   * the shard is handled; it is asked again after `delayMs`.
   */
  | ({ readonly type: 'loadFailed'; readonly error: Error; readonly delayMs: number } & GroupShardPlace)
  /** The handler has failed, and is called again after `delayMs`. */
  | ({
      readonly type: 'retrying'
      readonly attempt: number
      readonly delayMs: number
      readonly sequenceNumber: number
      readonly error: Error
    } & GroupShardPlace)
  /** The shard stands still at a record that failed in all attempts. */
  | ({ readonly type: 'blocked'; readonly sequenceNumber: number; readonly error: Error } & GroupShardPlace)
  /** Records from `sequenceNumber` up to, not including, `nextSequenceNumber` were passed over, because they failed in all attempts. */
  | ({
      readonly type: 'skipped' | 'deadLettered'
      readonly sequenceNumber: number
      readonly nextSequenceNumber: number
      readonly error: Error
    } & GroupShardPlace)
  /** Records of these numbers expired before they were read. */
  | ({
      readonly type: 'trimmed'
      readonly sequenceNumber: number
      readonly nextSequenceNumber: number
    } & GroupShardPlace)

/** An event of a shard, without its place. */
export type GroupShardEvent = GroupEvent extends infer E
  ? E extends GroupShardPlace
    ? Omit<E, keyof GroupShardPlace>
    : never
  : never
