// Events by which a group reports what it does by itself. Runs in the client; types only.
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

/** What a group does by itself. `onEvent` receives it. */
export type GroupEvent =
  /** The member has joined: at the start, or again after its lease ended. */
  | { readonly type: 'joined'; readonly memberId: string }
  /**
   * The member's lease has ended, or the group was deleted. The member gives up all shards. It joins again, unless the group
   * was deleted: then `run` rejects with `groupNotFound`.
   */
  | { readonly type: 'expelled'; readonly memberId: string; readonly error: MillraceError }
  /** A stream of the group was deleted. What was not processed of it is gone with it; the group goes on with the others. */
  | { readonly type: 'streamGone'; readonly stream: string }
  /** A stream of the group was deleted and made again. The group reads the new one from its first record on. */
  | { readonly type: 'streamRecreated'; readonly stream: string; readonly streamId: number }
  /** The heartbeat's thread does not run. Renewals are sent from the main thread, where a busy handler delays them. */
  | { readonly type: 'heartbeatInMainThread'; readonly error: Error | undefined }
  /** The member reads the shard from now on. */
  | ({ readonly type: 'assigned' } & GroupShardPlace)
  /** The shard was handed over. Its running calls are finished and checkpointed. */
  | ({ readonly type: 'released' } & GroupShardPlace)
  /** The member has lost the shard. Another member processes again what was not checkpointed. */
  | ({ readonly type: 'lost' } & GroupShardPlace)
  /** The closed shard is processed to its end. Its children may begin. */
  | ({ readonly type: 'ended' } & GroupShardPlace)
  /**
   * `loadCheckpoint` has failed, or has returned a value that is no position in the shard (`error` is `invalidCheckpoint`). No
   * record of the shard is handled. `loadCheckpoint` is called again after `delayMs`.
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
  /** The shard is blocked at a record that failed in all attempts. */
  | ({ readonly type: 'blocked'; readonly sequenceNumber: number; readonly error: Error } & GroupShardPlace)
  /** Records from `sequenceNumber` up to, not including, `nextSequenceNumber` failed in all attempts and were passed over. */
  | ({
      readonly type: 'skipped' | 'deadLettered'
      readonly sequenceNumber: number
      readonly nextSequenceNumber: number
      readonly error: Error
    } & GroupShardPlace)
  /** Records from `sequenceNumber` up to, not including, `nextSequenceNumber` expired before they were read. */
  | ({
      readonly type: 'trimmed'
      readonly sequenceNumber: number
      readonly nextSequenceNumber: number
    } & GroupShardPlace)

/** An event of a shard, without the shard. */
export type GroupShardEvent = GroupEvent extends infer E
  ? E extends GroupShardPlace
    ? Omit<E, keyof GroupShardPlace>
    : never
  : never
