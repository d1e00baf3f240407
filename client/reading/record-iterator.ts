// Hands arrived records to a `for await` loop: one by one from a buffer, with promises that are already fulfilled, so that a
// record costs no turn of the event loop; or a batch at a time. Runs in the client.
import { arrivalTimeAt, baseSequenceNumberAt, recordCountAt } from '../../protocol/batch/batch.ts'
import type { BatchOpener } from '../../protocol/batch/record.ts'
import type { Codec } from '../codecs.ts'
import type { Decryption } from '../encryption/decryption.ts'
import { readBatch, type RecordBound } from '../read-record.ts'
import type { StreamRecord } from '../record.ts'
import type { ArrivedBatch, Inbox } from './inbox.ts'
import type { RecordFilter } from './narrowed/record-filter.ts'
import type { Handing } from './shard-cursor.ts'
import { isUnreadable, skippedOf, unreadableError, type OnUnreadable } from './unreadable.ts'

/** The part of a reading that an iterator uses. */
export interface RecordSource<T> {
  readonly inbox: Inbox
  readonly codec: Codec<never, T>
  /** Undefined if the loop gets every record. */
  readonly filter: RecordFilter | undefined
  readonly onUnreadable: OnUnreadable
  readonly decryption: Decryption
  /** Called when the loop was left. */
  close(): Promise<void>
}

const END = { done: true, value: undefined } as const

/** A batch, its shard, and the records of it that are wanted. */
export interface BatchPlace extends Omit<ArrivedBatch, 'cursor'> {
  readonly cursor: { readonly shardId: string }
}

/**
 * Returns the wanted records of a batch, as far as `bound` admits them. Throws an error with the place of records that cannot
 * be read.
 */
export function recordsOf<T>(
  arrived: BatchPlace,
  codec: Codec<never, T>,
  open: BatchOpener,
  bound?: RecordBound,
): StreamRecord<T>[] {
  const { cursor, batch, from, until, next, error } = arrived
  if (error !== undefined) throw error
  try {
    return readBatch(batch, { shardId: cursor.shardId, codec, from, until, open, bound })
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause
    // In a damaged batch, even the number of the first record cannot be trusted.
    const isDamaged = cause.code === 'corruptData'
    const place = {
      shardId: cursor.shardId,
      firstSequenceNumber: isDamaged ? from : baseSequenceNumberAt(batch, 0),
      nextSequenceNumber: isDamaged ? next : baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0),
    }
    throw unreadableError(cause.code, place, { reason: cause.message, cause })
  }
}

/**
 * Bytes of batches after which a loop lets the event loop turn. With records at hand the loop runs only on fulfilled promises,
 * and would otherwise keep new batches, and all other events, from coming in.
 */
const TURN_BYTES = 256 * 1024

/**
 * Takes batches out of an inbox for one loop, and says how far the loop is. Between the first and the last record of a batch
 * that is one number, `handed`: a record costs nothing more.
 */
class BatchSource<T> implements Handing {
  /** Records of the last batch that the loop got. */
  handed = 0
  readonly #source: RecordSource<T>
  #bytesThisTurn = 0
  #taken: ArrivedBatch | undefined
  /** The wanted records of the last batch. */
  #records: readonly StreamRecord<T>[] = []

  constructor(source: RecordSource<T>) {
    this.#source = source
  }

  get handedTo(): number {
    const last = this.#records[this.handed - 1]
    return last === undefined ? this.#records[0]!.sequenceNumber : last.sequenceNumber + 1
  }

  /** Called when the loop gets the first record of the last batch, and again when it has `handed` of `count` and that is all. */
  note(count: number): void {
    const { cursor, batch, next } = this.#taken!
    cursor.lag.handOut(arrivalTimeAt(batch, 0), count - this.handed)
    if (this.handed === count) cursor.endBatch(Math.max(next, this.handedTo))
  }

  /** Returns the wanted records of the next batch; undefined if no more batches come. */
  async next(): Promise<StreamRecord<T>[] | undefined> {
    const { inbox } = this.#source
    for (;;) {
      if (this.#bytesThisTurn >= TURN_BYTES) {
        await new Promise((resolve) => setImmediate(resolve))
        this.#bytesThisTurn = 0
      }
      const arrived = inbox.take()
      if (arrived !== undefined) {
        this.#bytesThisTurn += arrived.batch.length
        const records = await this.#recordsOf(arrived)
        // Closed while it waited for a key: the inbox says how the loop ends.
        if (inbox.isDiscarded) continue
        if (records.length === 0) {
          arrived.cursor.endBatch(arrived.next)
          continue
        }
        this.#taken = arrived
        this.#records = records
        this.handed = 0
        arrived.cursor.beginBatch(this)
        return records
      } else {
        if (!(await inbox.wait())) return undefined
        this.#bytesThisTurn = 0
      }
    }
  }

  /** Returns the records of a batch; reports one that cannot be read and returns none, if the caller wants that. */
  async #recordsOf(arrived: ArrivedBatch): Promise<StreamRecord<T>[]> {
    const { codec, filter, onUnreadable, decryption, inbox } = this.#source
    try {
      if (filter !== undefined && arrived.error === undefined && !filter.mayBeIn(arrived.batch)) return []
      const opener = decryption.openerOf(arrived.batch, inbox.discarded)
      const open = typeof opener === 'function' ? opener : await opener
      if (inbox.isDiscarded) return []
      const records = recordsOf(arrived, codec, open)
      return filter === undefined ? records : filter.matching(records, arrived.batch)
    } catch (error) {
      if (inbox.isDiscarded) return []
      const skipped = skippedOf(error)
      if (onUnreadable === 'fail' || skipped === undefined) return this.#end(error)
      try {
        onUnreadable(skipped)
        return []
      } catch (thrown) {
        return this.#end(thrown)
      }
    }
  }

  /** Ends the reading with an error. A loop that goes on after it must not skip records that it did not get. */
  async #end(error: unknown): Promise<never> {
    await this.#source.close()
    throw error
  }
}

/** Iterates over single records. */
export class RecordIterator<T> implements AsyncIterableIterator<StreamRecord<T>> {
  readonly #source: RecordSource<T>
  readonly #batches: BatchSource<T>
  #records: readonly StreamRecord<T>[] = []
  /** Calls of `next` that found no record at hand. They are served in order, and later calls after them. */
  #queued = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(source: RecordSource<T>) {
    this.#source = source
    this.#batches = new BatchSource(source)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<StreamRecord<T>>> {
    if (
      this.#batches.handed < this.#records.length &&
      this.#queued === 0 &&
      !this.#source.inbox.isDiscarded
    ) {
      return Promise.resolve({ done: false, value: this.#handOut() })
    }
    this.#queued++
    const result = this.#last.then(() => this.#advance())
    this.#last = result.then(ignore, ignore)
    return result
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#records = []
    await this.#source.close()
    return END
  }

  async #advance(): Promise<IteratorResult<StreamRecord<T>>> {
    try {
      while (this.#batches.handed >= this.#records.length || this.#source.inbox.isDiscarded) {
        const records = await this.#batches.next()
        if (records === undefined) return END
        this.#records = records
      }
      return { done: false, value: this.#handOut() }
    } finally {
      this.#queued--
    }
  }

  #handOut(): StreamRecord<T> {
    const records = this.#records
    const record = records[this.#batches.handed++]!
    const { handed } = this.#batches
    if (handed === 1 || handed === records.length) this.#batches.note(records.length)
    return record
  }
}

function ignore(): void {}

/** Yields the records of one batch, of one shard, at a time. Leaving the loop closes the reading. */
export async function* recordBatches<T>(
  source: RecordSource<T>,
): AsyncGenerator<StreamRecord<T>[], void, undefined> {
  const batches = new BatchSource(source)
  try {
    for (;;) {
      const records = await batches.next()
      if (records === undefined) return
      batches.handed = records.length
      batches.note(records.length)
      yield records
    }
  } finally {
    await source.close()
  }
}
