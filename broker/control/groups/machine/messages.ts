// What a group can be told, and what it answers. Runs in the controller; types, and the few constants of the machine.
import type { ErrorCode } from '../../../../protocol/error-codes.ts'
import type { WireProgress, WireShardReport } from '../../../../protocol/operations.ts'
import type { StartPosition, WantedStream } from './state.ts'

/** Tails of the open shards of a stream: where LATEST is, once it was asked for. */
export interface Pins {
  readonly streamId: number
  /** Shards from this index on were not there yet. */
  readonly shardsBelow: number
  readonly shards: readonly { readonly shardIndex: number; readonly next: number }[]
}

/** How a member names itself. */
export interface MemberClaim {
  readonly memberId: string
  /** Of its secret and its principal: a secret proves nothing for another principal. */
  readonly secretHash: string
  /**
   * Of its secret alone, where it has a principal: a member that joined while nobody had to say who he was belongs to the first
   * principal that shows its secret.
   */
  readonly openHash?: string | undefined
}

export interface CheckpointMessage {
  readonly streamId: number
  readonly shardIndex: number
  readonly epoch: number
  readonly next: number
  readonly isEnd: boolean
  /** The tail of an open shard, or less; undefined while its host is down. */
  readonly tail: number | undefined
}

export interface JoinMessage extends MemberClaim {
  readonly type: 'join'
  /** The principal that asks, if it is known. */
  readonly by?: string | undefined
  readonly streams: readonly WantedStream[]
  readonly leaseMs: number
  readonly address: string
  /** The life of the group that the process was in before: it joins no later one. */
  readonly life: number | undefined
  /** By name, for streams that the group does not read yet and shall read from LATEST. */
  readonly pins: ReadonlyMap<string, Pins>
}

export interface SyncMessage extends MemberClaim {
  readonly type: 'sync'
  readonly address: string
  readonly reports: readonly WireShardReport[]
  readonly released: readonly {
    readonly streamId: number
    readonly shardIndex: number
    readonly epoch: number
  }[]
}

export interface ResetMessage {
  readonly type: 'reset'
  readonly stream: string
  readonly to: StartPosition
  readonly pins: Pins | undefined
  readonly isForced: boolean
}

export interface SaveProgressMessage {
  readonly type: 'saveProgress'
  /** The principal that asks, if it is known. */
  readonly by?: string | undefined
  readonly stream: string
  readonly isPartial: boolean
  readonly progress: WireProgress
  /** By shard index, of the open shards among those named; absent while a host is down. */
  readonly tails: ReadonlyMap<number, number>
}

export type GroupMessage =
  | JoinMessage
  | (MemberClaim & { readonly type: 'renew' })
  | SyncMessage
  | (MemberClaim & { readonly type: 'saveCheckpoints'; readonly checkpoints: readonly CheckpointMessage[] })
  | (MemberClaim & { readonly type: 'leave' })
  | ResetMessage
  | { readonly type: 'delete'; readonly isForced: boolean }
  | { readonly type: 'pause'; readonly isPaused: boolean }
  | { readonly type: 'loadProgress'; readonly stream: string }
  | SaveProgressMessage
  /** Time has passed, or the catalog has changed. */
  | { readonly type: 'tick' }

export interface CheckpointResult {
  /** Undefined if the checkpoint is stored. */
  readonly code: ErrorCode | undefined
  readonly message: string
}

/** The answer to a message, which holds once the rows of its change are durable. */
export type GroupAnswer =
  | { readonly is: 'done' }
  | { readonly is: 'joined'; readonly life: number }
  | { readonly is: 'checkpoints'; readonly results: readonly CheckpointResult[] }
  | { readonly is: 'progress'; readonly progress: WireProgress | undefined }
  | {
      readonly is: 'refused'
      readonly code: ErrorCode
      readonly message: string
      readonly retryAfterMs?: number
    }

export const done: GroupAnswer = { is: 'done' }

export function refused(code: ErrorCode, message: string, retryAfterMs?: number): GroupAnswer {
  return { is: 'refused', code, message, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}
