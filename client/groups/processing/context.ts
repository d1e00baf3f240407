// The context that a handler gets with its records. Runs in the client.
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { StreamRecord } from '../../record.ts'
import type { LeasedShard } from './leased-shard.ts'

/** What a handler gets with its records: their shard, its lease, and a method that checkpoints. */
export interface BatchContext<T = Uint8Array> {
  /** Name of the stream. */
  readonly stream: string
  /** A stream that is deleted and made again has another number. */
  readonly streamId: number
  /** The shard of the records. */
  readonly shardId: string
  /** The fencing epoch of the lease: it rises with every assignment of the shard, in this process or another. */
  readonly epoch: number
  /** Fires when another member may have the shard, or the group is aborted. Work after that may be done twice. */
  readonly signal: AbortSignal
  /**
   * Fires when the shard is to be given back: to another member, because the group is stopped, or because it is lost. A call that waits for
   * something should end. What has to be finished can be: the shard is kept until the call has ended.
   */
  readonly closing: AbortSignal
  /** Number of the call for these records, from 1. */
  readonly attempt: number
  /** The position behind these records. With `checkpoint: 'external'`, store it. */
  readonly position: number
  /** How far the handler is behind the shard, in milliseconds; undefined before that is known. */
  readonly millisBehindLatest: number | undefined
  /**
   * With `checkpoint: 'manual'`: true in the last call for the shard, which has no records. The shard has ended, or goes to
   * another member: finish and checkpoint what is held. The lease is renewed until the call has returned, and nobody else
   * gets the shard before. A shard that has ended counts as processed when the call fulfils, unless `closing` has fired by then: the next
   * member begins at the last checkpoint.
   */
  readonly isLast: boolean
  /**
   * Checkpoints the records up to and including this one, or all records of the call if none is given. It may be called long after
   * the call has returned, from other code, while later calls run, and for records of earlier calls under the same lease; a
   * checkpoint never goes back. Fulfils when it is stored (with `concurrency`, it ends at the first record that is not processed). Rejects with `leaseLost` if
   * the member no longer has the shard, and with `invalidCheckpoint` for a record of another shard or behind the call's.
   */
  checkpoint(record?: Pick<StreamRecord<T>, 'shardId' | 'sequenceNumber'>): Promise<void>
}

export interface ContextCall<T> {
  readonly shard: LeasedShard
  readonly records: readonly StreamRecord<T>[]
  readonly attempt: number
  readonly position: number
  readonly isLast: boolean
  readonly monotonic: () => number
  /** Checkpoints the records of the call below this number; fulfils when that is stored. */
  readonly save: (next: number) => Promise<void>
}

/** The context of one call. A call may have a single record, so values are computed only when they are read. */
export class CallContext<T> implements BatchContext<T> {
  readonly #call: ContextCall<T>
  #processedBelow = -1

  constructor(call: ContextCall<T>) {
    this.#call = call
  }

  get stream(): string {
    return this.#call.shard.stream
  }

  get streamId(): number {
    return this.#call.shard.streamId
  }

  get shardId(): string {
    return this.#call.shard.shardId
  }

  get epoch(): number {
    return this.#call.shard.epoch
  }

  get signal(): AbortSignal {
    return this.#call.shard.signal
  }

  get closing(): AbortSignal {
    return this.#call.shard.closing
  }

  get attempt(): number {
    return this.#call.attempt
  }

  get position(): number {
    return this.#call.position
  }

  get isLast(): boolean {
    return this.#call.isLast
  }

  get millisBehindLatest(): number | undefined {
    return this.#call.shard.cursor?.millisBehindLatest(this.#call.monotonic())
  }

  /** The call has checkpointed the records below this number. */
  get processedBelow(): number {
    return this.#processedBelow
  }

  async checkpoint(record?: Pick<StreamRecord<T>, 'shardId' | 'sequenceNumber'>): Promise<void> {
    const { position, save } = this.#call
    const next = record === undefined ? position : this.#nextOf(record)
    this.#processedBelow = Math.max(this.#processedBelow, next)
    await save(next)
  }

  #nextOf({ shardId, sequenceNumber }: Pick<StreamRecord<T>, 'shardId' | 'sequenceNumber'>): number {
    const { shard, records, position } = this.#call
    // A request has checkpoints of many shards, and the broker refuses it whole for a number that is none.
    const isNumber = Number.isSafeInteger(sequenceNumber) && sequenceNumber >= 0
    if (isNumber && shardId === shard.shardId && sequenceNumber < position) {
      return sequenceNumber === records.at(-1)?.sequenceNumber ? position : sequenceNumber + 1
    }
    const message =
      `Record ${sequenceNumber} of ${shardId} cannot be checkpointed by this call, which is for ${shard.shardId} up to ` +
      `${position - 1}.`
    throw new MillraceError('invalidCheckpoint', message)
  }
}
