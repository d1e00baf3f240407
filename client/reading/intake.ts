// How a reading gets its batches: by asking (reader) or by being sent them (subscription). The seam between a reading,
// which knows what to read and when, and what talks to hosts. Runs in the client; types only.
import type { MillraceError } from '../../protocol/millrace-error.ts'
import type { Endpoint } from '../connecting/address.ts'
import type { ArrivedBatch, Inbox } from './inbox.ts'
import type { ShardCursor } from './shard-cursor.ts'

export interface Intake {
  /** Bring what these shards of one host have from their `next` on. */
  begin(cursors: readonly ShardCursor[], place: { endpoint: Endpoint; streamId: number }): void
  /** A batch has left the inbox. */
  taken(arrived: ArrivedBatch): void
  close(): void
}

/** What an intake tells. */
export interface IntakeEvents {
  readonly closing: AbortSignal
  readonly inbox: Inbox
  /** Batches of the shard came; `next` is the number behind them. False when the shard has nothing more to give. */
  arrived(cursor: ShardCursor, batches: readonly Uint8Array[], next: number): boolean
  /** The broker cannot read some records of the shard, as the error tells. False when the shard has nothing more to give. */
  unreadable(cursor: ShardCursor, error: MillraceError): boolean
  /** The closed shard was read to its end. */
  ended(cursor: ShardCursor): void
  /** The shards' records come no more; what to do follows from the error. */
  lost(cursors: readonly ShardCursor[], error: MillraceError): void
}
