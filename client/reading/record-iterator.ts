// Hands arrived records to a `for await` loop: one by one from a buffer, with promises that are already fulfilled, so
// that a record costs no trip through the event loop; or a batch at a time. Runs in the client.
import { arrivalTimeAt, baseSequenceNumberAt, recordCountAt } from '../../protocol/batch/batch.ts'
import { readRecords, type StoredRecord } from '../../protocol/batch/record.ts'
import type { Codec } from '../codecs.ts'
import { ReadRecord, type StreamRecord } from '../record.ts'
import type { ArrivedBatch, Inbox } from './inbox.ts'
import type { ShardLag } from './lag.ts'
import { isUnreadable, skippedOf, unreadableError, type OnUnreadable } from './unreadable.ts'

/** What an iterator needs of a reading. */
export interface RecordSource<T> {
  readonly inbox: Inbox
  readonly codec: Codec<never, T>
  readonly onUnreadable: OnUnreadable
  /** The loop was left. */
  close(): Promise<void>
}

const END = { done: true, value: undefined } as const

/** The wanted records of a batch. Throws an error that tells the place of those that cannot be read. */
export function recordsOf<T>(arrived: ArrivedBatch, codec: Codec<never, T>): ReadRecord<T>[] {
  const { cursor, until, error } = arrived
  if (error !== undefined) throw error
  const records: ReadRecord<T>[] = []
  for (const record of storedRecordsOf(arrived)) {
    if (record.sequenceNumber >= until) break
    records.push(new ReadRecord(cursor.shardId, record, codec))
  }
  return records
}

function storedRecordsOf({ cursor, batch, from, next }: ArrivedBatch): StoredRecord[] {
  try {
    return readRecords(batch, { from })
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause
    // Of a damaged batch not even the number of its first record is known.
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
 * Bytes of batches that a loop uses before the event loop gets a turn: while records are at hand the loop runs on
 * fulfilled promises alone, and would otherwise keep the next batches, and everything else, from coming in.
 */
const TURN_BYTES = 256 * 1024

/** Takes batches out of an inbox for one loop. */
class BatchSource<T> {
  readonly #source: RecordSource<T>
  #bytesThisTurn = 0
  #taken: { readonly lag: ShardLag; readonly arrivalTime: number } | undefined

  constructor(source: RecordSource<T>) {
    this.#source = source
  }

  /** A record of the batch that was taken last is handed out, and so many of its records are still held. */
  handOut(held: number): void {
    this.#taken!.lag.handOut(this.#taken!.arrivalTime, held)
  }

  /** The wanted records of the next batch; undefined when nothing will come any more. */
  async next(): Promise<ReadRecord<T>[] | undefined> {
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
        if (records.length > 0) {
          this.#taken = { lag: arrived.cursor.lag, arrivalTime: arrivalTimeAt(arrived.batch, 0) }
          return records
        }
      } else {
        if (!(await inbox.wait())) return undefined
        this.#bytesThisTurn = 0
      }
    }
  }
  /** The records of a batch; none of one that cannot be read, where that is only to be reported. */
  #recordsOf(arrived: ArrivedBatch): ReadRecord<T>[] | Promise<never> {
    const { codec, onUnreadable } = this.#source
    try {
      return recordsOf(arrived, codec)
    } catch (error) {
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

  /** Ends the reading: a loop that goes on after the error must not go on behind what it did not get. */
  async #end(error: unknown): Promise<never> {
    await this.#source.close()
    throw error
  }
}

/** One record at a time. */
export class RecordIterator<T> implements AsyncIterableIterator<StreamRecord<T>> {
  readonly #source: RecordSource<T>
  readonly #batches: BatchSource<T>
  #records: readonly StreamRecord<T>[] = []
  #at = 0
  /** Calls of `next` that found no record at hand; they are served one after the other, and later calls after them. */
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
    if (this.#at < this.#records.length && this.#queued === 0 && !this.#source.inbox.isDiscarded) {
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
      while (this.#at >= this.#records.length || this.#source.inbox.isDiscarded) {
        const records = await this.#batches.next()
        if (records === undefined) return END
        this.#records = records
        this.#at = 0
      }
      return { done: false, value: this.#handOut() }
    } finally {
      this.#queued--
    }
  }

  #handOut(): StreamRecord<T> {
    const record = this.#records[this.#at++]!
    this.#batches.handOut(this.#records.length - this.#at)
    return record
  }
}

function ignore(): void {}

/** The records of one batch, of one shard, at a time. Leaving the loop closes the reading. */
export async function* recordBatches<T>(
  source: RecordSource<T>,
): AsyncGenerator<StreamRecord<T>[], void, undefined> {
  const batches = new BatchSource(source)
  try {
    for (;;) {
      const records = await batches.next()
      if (records === undefined) return
      batches.handOut(0)
      yield records
    }
  } finally {
    await source.close()
  }
}
