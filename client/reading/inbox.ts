// Batches that have arrived and that nobody has taken yet: between what brings them in and the loop that uses them.
// Runs in the client. Bounded by whoever puts: a reader stops fetching, a subscription gives no more credit.
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

/** In the place of a batch that the broker could not read. */
export const NO_BYTES = new Uint8Array(0)

/** A batch, and which of its records are wanted: numbers from `from` up to, not including, `until`. */
export interface ArrivedBatch {
  readonly cursor: ShardCursor
  /** `NO_BYTES` where the broker could not read what is here. */
  readonly batch: Uint8Array
  readonly from: number
  readonly until: number
  /** The number behind its last record, as the broker said, whatever the batch itself says. */
  readonly next: number
  /** Why there is no batch: reported, or thrown, when the loop comes here. */
  readonly error?: MillraceError
}

export class Inbox {
  /** Told of each batch that was taken. */
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

  /** The reading was closed: what a loop still holds is not handed out. */
  isDiscarded = false

  /** Bytes of batches that are not taken. */
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

  /** Nothing more comes: after what is here, the loop ends, or throws the error. */
  end(error?: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    this.#announce()
  }

  /** Ends at once; what is here is not handed out any more. */
  discard(error?: Error): void {
    this.isDiscarded = true
    this.#queue = []
    this.#head = 0
    this.#bytes = 0
    this.end(error)
  }

  /** The oldest batch, or undefined when there is none now. */
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

  /** After `take` gave nothing: true when there is something to take, false when nothing will come any more. */
  async wait(): Promise<boolean> {
    if (this.#bytes > 0 || this.#head < this.#queue.length) return true
    if (!this.#isEnded) {
      await (this.#arrival ??= deferred()).promise
      return this.wait()
    }
    if (this.#error === undefined) return false
    // Thrown once: whoever goes on after the error finds the end.
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
 * The number behind each batch of an answer. They follow each other without a gap: the first holds `from`, the number that
 * was asked for, and the last ends before `next`, where the host says that reading goes on. Undefined where they do not, so
 * that records would be passed over, or come twice. Damaged batches are not asked: they lie between the others.
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

/** The first batch of an answer may begin before the number that was asked for. */
function goesOnAt(batch: Uint8Array, at: number, isFirst: boolean): boolean {
  if (batch.length < BATCH_HEADER_BYTES) return false
  const base = baseSequenceNumberAt(batch, 0)
  return isFirst ? base <= at && endOf(batch) > at : base === at
}

function endOf(batch: Uint8Array): number {
  return baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0)
}

/** The same where headers may be damaged: checksums tell which. */
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
      // Where one damaged batch ends and the next begins, nothing tells; each holds a record at least.
      if (border - at < sound - i) return undefined
      for (; i < sound; i++) ends.push((at = i === sound - 1 ? border : at + 1))
    } else {
      if (!goesOnAt(batches[i]!, at, i === 0)) return undefined
      ends.push((at = endOf(batches[i++]!)))
    }
  }
  return at === next ? ends : undefined
}

/** The error about an answer that would go back, pass records over, or bring them twice. */
export function offCourse(
  { shardId, next: at }: ShardCursor,
  batchCount: number,
  next: number,
): MillraceError {
  const what = `${countOf(batchCount, 'batch', 'batches')}, up to ${next}`
  return invalidAnswer(`The answer of the host of ${shardId} does not lead on from ${at}: it holds ${what}.`)
}
