// Batches that have arrived and that nobody has taken yet: between what brings them in and the loop that uses them.
// Runs in the client. Bounded by whoever puts: a reader stops fetching, a subscription gives no more credit.
import { BATCH_HEADER_BYTES, baseSequenceNumberAt } from '../../protocol/batch/batch.ts'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import type { Deferred } from '../waiting.ts'
import { deferred } from '../waiting.ts'
import type { ShardCursor } from './shard-cursor.ts'

/** A batch, and which of its records are wanted: numbers from `from` up to, not including, `until`. */
export interface ArrivedBatch {
  readonly cursor: ShardCursor
  /** Empty where the broker could not read what is here. */
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
 * Where a batch ends: where the one behind it begins, or where the broker says that the last one ends. The batch itself is
 * not asked, since it may be damaged.
 */
export function endOf(
  following: Uint8Array | undefined,
  { from, next }: { from: number; next: number },
): number {
  if (following === undefined || following.length < BATCH_HEADER_BYTES) return next
  return Math.max(from, Math.min(baseSequenceNumberAt(following, 0), next))
}
