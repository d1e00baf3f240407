// One lease of one shard: who it is, how far it is processed, what it waits for, and whether the member still has it. Runs in
// the client. A lease begins with an assignment and ends by a release, the end of the shard, or its loss; the next lease of
// the same shard is another object with a higher epoch.
import type { Position as WirePosition, WireLease } from '../../../protocol/operations.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { ShardCursor } from '../../reading/shard-cursor.ts'
import { deferred, type Deferred } from '../../waiting.ts'
import { shardKey } from '../membership/assignment.ts'

/** Where a shard stands that does not move by itself. */
export interface Trouble {
  readonly state: 'retrying' | 'blocked' | 'unreachable'
  readonly since: number
  readonly sequenceNumber: number | undefined
  readonly detail: string
}

export class LeasedShard {
  readonly stream: string
  readonly streamId: number
  readonly shardIndex: number
  readonly shardId: string
  readonly epoch: number
  readonly key: string
  /** Where to begin if there is no checkpoint. */
  readonly from: WirePosition
  /** The position that the broker has; undefined before the first. */
  stored: number | undefined
  /** Where it is read; undefined before it is known where to begin. */
  cursor: ShardCursor | undefined
  /** Records below this number are passed over. */
  skipBelow = 0
  /** Why it does not move; one of several calls that fail. */
  trouble: Trouble | undefined
  /** Begin of the oldest call of the handler that is under way. */
  handlingSince: number | undefined
  /** Calls of the handler under way. */
  calls = 0
  /** Its end is being stored: the broker may list it no more before the answer comes, which says what became of it. */
  isEnding = false
  /** Handed to the handler so far. */
  records = 0
  bytes = 0
  #isLost = false
  #isClosing = false
  readonly #closing = new AbortController()
  #handling: AbortController | undefined
  #unblocked: Deferred<void> | undefined

  constructor(lease: WireLease) {
    this.stream = lease.streamName
    this.streamId = lease.streamId
    this.shardIndex = lease.shardIndex
    this.shardId = shardIdOf(lease.shardIndex)
    this.epoch = lease.epoch
    this.key = shardKey(lease)
    this.from = lease.from
    this.stored = lease.next
  }

  /** Makes the next lease, which waits for what is under way in this one, and says so in reports. */
  next(lease: WireLease): LeasedShard {
    const next = new LeasedShard(lease)
    next.handlingSince = this.handlingSince
    return next
  }

  /** The member has it no more: nothing of it is checkpointed. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** What is under way is finished, and nothing more is begun. */
  get isClosing(): boolean {
    return this.#isClosing
  }

  /** Fires when nothing more is to be begun: waits for retries and decisions end. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Fires when the member cannot be sure to have the shard. The next call gets another one, if it has. */
  get signal(): AbortSignal {
    if (this.#handling === undefined || (this.#handling.signal.aborted && !this.#isLost)) {
      this.#handling = new AbortController()
      if (this.#isLost) this.#handling.abort()
    }
    return this.#handling.signal
  }

  /** The lease may have ended: calls that are under way learn of it. */
  doubt(reason: Error): void {
    this.#handling?.abort(reason)
  }

  close(): void {
    this.#isClosing = true
    this.#closing.abort()
  }

  lose(reason: Error): void {
    this.#isLost = true
    this.#handling?.abort(reason)
    this.close()
  }

  /** Waits for a decision about a record; ends early when the shard closes. */
  async blocked(): Promise<void> {
    this.#unblocked ??= deferred()
    const { promise, resolve } = this.#unblocked
    const end = (): void => resolve()
    if (this.#isClosing) return
    this.closing.addEventListener('abort', end, { once: true })
    await promise
    this.closing.removeEventListener('abort', end)
  }

  /** Has what is blocked tried again. */
  unblock(): void {
    this.#unblocked?.resolve()
    this.#unblocked = undefined
  }
}
