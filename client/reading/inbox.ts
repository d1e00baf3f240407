// Batches that have arrived and that the loop has not taken yet. Runs in the client.
// The intake bounds their bytes: a reader stops fetching, and a subscription gives no more credit.
import {
  BATCH_HEADER_BYTES,
  baseSequenceNumberAt,
  checkStoredBatch,
  recordCountAt,
} from '../../protocol/batch/batch.ts'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import { countOf } from '../../protocol/text/count-text.ts'
import { invalidAnswer } from '../errors.ts'
import type { Deferred } from '../waiting.ts'
import { deferred } from '../waiting.ts'
import type { ShardCursor } from './shard-cursor.ts'

/** Stands for a batch that the broker could not read. */
export const NO_BYTES = new Uint8Array(0)

/** A batch and its wanted records: sequence numbers `from` … `until` − 1. */
export interface ArrivedBatch {
  readonly cursor: ShardCursor
  /** `NO_BYTES` if the broker could not read the records here. */
  readonly batch: Uint8Array
  readonly from: number
  readonly until: number
  /** The number after its last record, as the broker says it; the batch itself may be damaged. */
  readonly next: number
  /** Why there is no batch. The error is reported or thrown when the loop takes this batch. */
  readonly error?: MillraceError
}

export class Inbox {
  /** Called with each batch that the loop takes. */
  readonly #onTaken: (arrived: ArrivedBatch) => void
  #queue: ArrivedBatch[] = []
  #head = 0
  #bytes = 0
  #isEnded = false
  #error: Error | undefined
  #arrival: Deferred<void> | undefined

  constructor(onTaken: (arrived: ArrivedBatch) => void) {
    this.#onTaken = onTaken
  }

  /** True once the reading is closed: the remaining records of a batch that the loop has taken are not handed out. */
  isDiscarded = false
  readonly #discarding = new AbortController()

  /** Fires when the reading is closed. */
  get discarded(): AbortSignal {
    return this.#discarding.signal
  }

  /** Bytes of batches that are not taken yet. */
  get bytes(): number {
    return this.#bytes
  }

  put(arrived: ArrivedBatch): void {
    if (this.#isEnded) return
    this.#queue.push(arrived)
    arrived.cursor.putBatch(arrived.from)
    this.#bytes += arrived.batch.length
    this.#announce()
  }

  /** Called when no more batches come. The loop takes the batches that are here, and then ends or throws the error. */
  end(error?: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    this.#announce()
  }

  /** Ends at once, and drops the batches that are here. */
  discard(error?: Error): void {
    this.isDiscarded = true
    this.#discarding.abort()
    this.#queue = []
    this.#head = 0
    this.#bytes = 0
    this.end(error)
  }

  /** Takes and returns the oldest batch; undefined if there is none now. */
  take(): ArrivedBatch | undefined {
    const arrived = this.#queue[this.#head]
    if (arrived === undefined) return undefined
    this.#head++
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    this.#bytes -= arrived.batch.length
    this.#onTaken(arrived)
    return arrived
  }

  /** Waits for a batch. Returns true if there is one, false if no more batches come. Throws the error of `end` once. */
  async wait(): Promise<boolean> {
    if (this.#bytes > 0 || this.#head < this.#queue.length) return true
    if (!this.#isEnded) {
      await (this.#arrival ??= deferred()).promise
      return this.wait()
    }
    if (this.#error === undefined) return false
    // The error is thrown once. A loop that goes on after it ends.
    const error = this.#error
    this.#error = undefined
    throw error
  }

  #announce(): void {
    this.#arrival?.resolve()
    this.#arrival = undefined
  }
}

/**
 * Returns the number after each batch of an answer; undefined if records would be skipped or come twice. The batches must
 * follow each other without a gap: the first holds `from`, the requested number, and the last ends at `next`, where the host
 * says that reading goes on. A damaged batch is not read: its place follows from the others.
 */
export function endsOf(
  batches: readonly Uint8Array[],
  { from, next }: { from: number; next: number },
): readonly number[] | undefined {
  const ends: number[] = []
  let at = from
  for (const batch of batches) {
    if (!goesOnAt(batch, at, ends.length === 0)) return endsAroundDamage(batches, { from, next })
    at = endOf(batch)
    ends.push(at)
  }
  return at === next ? ends : endsAroundDamage(batches, { from, next })
}

/** Returns true if a batch goes on at a number. The first batch of an answer may begin before the requested number. */
function goesOnAt(batch: Uint8Array, at: number, isFirst: boolean): boolean {
  if (batch.length < BATCH_HEADER_BYTES) return false
  const base = baseSequenceNumberAt(batch, 0)
  return isFirst ? base <= at && endOf(batch) > at : base === at
}

function endOf(batch: Uint8Array): number {
  return baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0)
}

/** Returns the same as `endsOf` for batches of which some are damaged, as their checksums show. */
function endsAroundDamage(
  batches: readonly Uint8Array[],
  { from, next }: { from: number; next: number },
): readonly number[] | undefined {
  const isDamaged = batches.map((batch) => checkStoredBatch(batch) !== undefined)
  const ends: number[] = []
  let at = from
  for (let i = 0; i < batches.length;) {
    if (isDamaged[i] === true) {
      let sound = i
      while (isDamaged[sound] === true) sound++
      const border = sound < batches.length ? baseSequenceNumberAt(batches[sound]!, 0) : next
      // The border between two damaged batches is unknown, but each batch holds at least one record.
      if (border - at < sound - i) return undefined
      for (; i < sound; i++) ends.push((at = i === sound - 1 ? border : at + 1))
    } else {
      if (!goesOnAt(batches[i]!, at, i === 0)) return undefined
      ends.push((at = endOf(batches[i++]!)))
    }
  }
  return at === next ? ends : undefined
}

/** Makes the error about an answer that would go back, skip records, or bring them twice. */
export function offCourse(
  { shardId, next: at }: Pick<ShardCursor, 'shardId' | 'next'>,
  batchCount: number,
  next: number,
): MillraceError {
  const what = `${countOf(batchCount, 'batch', 'batches')}, up to ${next}`
  return invalidAnswer(`The answer of the host of ${shardId} does not lead on from ${at}: it holds ${what}.`)
}
