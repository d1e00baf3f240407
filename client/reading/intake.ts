// How a reading gets its batches: a reader fetches them, and a subscription is sent them. The interface between a reading, which
// decides what is read and when, and the code that talks to hosts; and the first answers that it brings. Runs in the client.
import type { MillraceError } from '../../protocol/millrace-error.ts'
import type { Endpoint } from '../connecting/address.ts'
import { deferred } from '../waiting.ts'
import type { ArrivedBatch } from './inbox.ts'
import type { ShardCursor } from './shard-cursor.ts'

export interface Intake {
  /** Begins to bring the batches of these shards of one host, from their `next` on. */
  begin(cursors: readonly ShardCursor[], place: { endpoint: Endpoint; streamId: number }): void
  /** Called when a batch has left the inbox. */
  taken(arrived: ArrivedBatch): void
  /** Brings no more of this shard. `arrived` returns false for it from now on. */
  stop(cursor: ShardCursor): void
  close(): void
}

/** Called by an intake. */
export interface IntakeEvents {
  readonly closing: AbortSignal
  /** Bytes that have arrived and are not taken. An intake with a bound for all shards asks for no more above it. */
  readonly inbox: { readonly bytes: number }
  /**
   * Called with batches of the shard; `next` is the number after them. Returns false if no more of the shard is wanted. Ends
   * the reading with an error if the batches do not go on at the shard's cursor.
   */
  arrived(cursor: ShardCursor, batches: readonly Uint8Array[], next: number): boolean
  /** Called when the shard's records below this number have expired, so that reading goes on there. Returns like `arrived`. */
  trimmed(cursor: ShardCursor, horizon: number): boolean
  /** Called when the broker cannot read some records of the shard. Returns false if no more of the shard is wanted. */
  unreadable(cursor: ShardCursor, error: MillraceError): boolean
  /** Called when a closed shard was read to its end. */
  ended(cursor: ShardCursor): void
  /** Called when no more records of the shards come; the error decides what happens next. */
  lost(cursors: readonly ShardCursor[], error: MillraceError): void
}

/** The first answers of hosts for the shards with which a reading begins. */
export class FirstAnswers {
  readonly #all = deferred<void>()
  #awaited: Set<ShardCursor> | undefined

  constructor() {
    // The loop throws the error too, so the promise may stay without a handler.
    this.#all.promise.catch(() => {})
  }

  get all(): Promise<void> {
    return this.#all.promise
  }

  /** True once all have come. */
  get haveCome(): boolean {
    return this.#awaited?.size === 0
  }

  /** Called with the shards that begin; only those of the first call are awaited. */
  await(cursors: readonly ShardCursor[]): void {
    if (this.#awaited !== undefined) return
    this.#awaited = new Set(cursors)
    if (this.haveCome) this.#all.resolve()
  }

  came(cursor: ShardCursor): void {
    if (this.#awaited?.delete(cursor) === true && this.haveCome) this.#all.resolve()
  }

  /** Called when the reading ends. */
  end(error: Error | undefined): void {
    if (error === undefined) this.#all.resolve()
    else this.#all.reject(error)
  }
}
