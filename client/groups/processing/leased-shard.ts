// One lease of one shard: its identity, its progress, what it waits for, and whether the member still has it. Runs in the
// client. A lease begins with an assignment. It ends by a release, by the end of the shard, or by its loss. The next lease of
// the same shard is another object with a higher epoch.
import type { Position as WirePosition, WireLease } from '../../../protocol/operations.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { ShardCursor } from '../../reading/shard-cursor.ts'
import { deferred, type Deferred } from '../../waiting.ts'
import { shardKey } from '../membership/assignment.ts'

/** Why and where a shard makes no progress. */
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
  /** The last checkpoint that the broker has stored; undefined before the first. */
  stored: number | undefined
  /** Place of reading; undefined until the beginning is known. */
  cursor: ShardCursor | undefined
  /** Records below this number are skipped. */
  skipBelow = 0
  /** Why the shard makes no progress. If several calls fail, the trouble of one of them. */
  trouble: Trouble | undefined
  /** When the oldest running call of the handler began. */
  handlingSince: number | undefined
  /** Number of running calls of the handler. */
  calls = 0
  /** True while the end of the shard is being stored. The broker may stop listing the shard before it answers. */
  isEnding = false
  /** Records and bytes that the handler has been given so far. */
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

  /** Makes the next lease. It waits for the running calls of this one, and reports show that. */
  next(lease: WireLease): LeasedShard {
    const next = new LeasedShard(lease)
    next.handlingSince = this.handlingSince
    return next
  }

  /** True once the member has lost the lease: nothing more is checkpointed. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** True once the shard closes: running calls finish, and no new ones begin. */
  get isClosing(): boolean {
    return this.#isClosing
  }

  /** Fires when the shard closes. Waits for retries and decisions then end. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Fires when the lease is in doubt. If the member turns out to have the shard, the next call gets a new signal. */
  get signal(): AbortSignal {
    if (this.#handling === undefined || (this.#handling.signal.aborted && !this.#isLost)) {
      this.#handling = new AbortController()
      if (this.#isLost) this.#handling.abort()
    }
    return this.#handling.signal
  }

  /** Called when the lease may have ended: signals the running calls. */
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

  /** Fulfils when there is a decision about the record, or the shard closes. */
  async blocked(): Promise<void> {
    this.#unblocked ??= deferred()
    const { promise, resolve } = this.#unblocked
    const end = (): void => resolve()
    if (this.#isClosing) return
    this.closing.addEventListener('abort', end, { once: true })
    await promise
    this.closing.removeEventListener('abort', end)
  }

  /** Ends the wait of `blocked`, so that the record is tried again. */
  unblock(): void {
    this.#unblocked?.resolve()
    this.#unblocked = undefined
  }
}
