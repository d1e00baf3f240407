// What a handler is given beside the records. Runs in the client.
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { StreamRecord } from '../../record.ts'
import type { LeasedShard } from './leased-shard.ts'

/** What a handler is given beside the records: their shard, its lease, and how to say what is processed. */
export interface BatchContext<T = Uint8Array> {
  /** Name of the stream. */
  readonly stream: string
  /** A stream that is deleted and made again has another number. */
  readonly streamId: number
  /** The shard of the records. */
  readonly shardId: string
  /** The fencing epoch of the lease: it rises with every assignment of the shard, in this process or another. */
  readonly epoch: number
  /** Fires when another member may have the shard, or the group is ended at once: what is done from then on may be done twice. */
  readonly signal: AbortSignal
  /** Which call for these records it is, from 1. */
  readonly attempt: number
  /** The position behind these records: keep it with `checkpoint: 'external'`. */
  readonly position: number
  /** How far the handler is behind the shard, in milliseconds; undefined before that is known. */
  readonly millisBehindLatest: number | undefined
  /**
   * With `checkpoint: 'manual'`: true in the last call for the shard, which has no records. It has ended, or goes to another
   * member: checkpoint what is processed.
   */
  readonly isLast: boolean
  /**
   * Everything up to and including this record is processed, or all records of the call without one. Fulfils when that is
   * stored (with `concurrency`, as far as there is no gap before it). Rejects with `leaseLost` where the member has the shard no
   * more, and with `invalidCheckpoint` for a record of another shard, or behind those of the call.
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
  /** Everything of the call below this number is processed; fulfils when that is stored. */
  readonly save: (next: number) => Promise<void>
}

/** A context for one call. It is made for every call, which may be for a single record: it computes what is asked for only. */
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

  /** Records below it were checkpointed in this call. */
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
    if (shardId === shard.shardId && sequenceNumber < position) {
      return sequenceNumber === records.at(-1)?.sequenceNumber ? position : sequenceNumber + 1
    }
    const message =
      `Record ${sequenceNumber} of ${shardId} cannot be checkpointed by this call, which is for ${shard.shardId} up to ` +
      `${position - 1}.`
    throw new MillraceError('invalidCheckpoint', message)
  }
}
