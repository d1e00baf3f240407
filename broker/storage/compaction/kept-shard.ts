// One shard of a segment that compaction is making: its extent there, and its time index. Runs on the maintenance
// thread, pure. Batches come in the order of their numbers, without gaps: a gap above the trim horizon is damage.
import { arrivalTimeAt, recordCountAt } from '../../../protocol/batch/batch.ts'
import { isTimeIndexDue } from '../append/shard-log.ts'
import type { HeadRow } from '../rows/key-space.ts'
import type { BatchExtent } from '../segments/batch-extent.ts'

/** The shard's head in the newest source that knows the shard. */
export interface NewestHead {
  readonly head: HeadRow
  /** True if that source is the newest of all sources. */
  readonly isLast: boolean
}

export class KeptShard {
  readonly #trimHorizon: number
  #first = 0
  #next = 0
  #firstArrival = 0
  #lastArrival = 0
  #bytes = 0
  #batches = 0
  #indexedAt: number | undefined
  #bytesSinceIndexed = 0

  constructor(trimHorizon: number) {
    this.#trimHorizon = trimHorizon
  }

  /** The number that must come next; undefined before the first batch, when any may. */
  get next(): number | undefined {
    return this.#batches === 0 ? undefined : this.#next
  }

  /** Adds a verified batch. Returns true if the batch needs a time index row. */
  add(base: number, batch: Uint8Array): boolean {
    const arrival = arrivalTimeAt(batch, 0)
    if (this.#batches === 0) {
      this.#first = base
      this.#firstArrival = arrival
    }
    this.#next = base + recordCountAt(batch, 0)
    this.#lastArrival = arrival
    this.#bytes += batch.length
    this.#batches++
    const sinceMs = this.#indexedAt === undefined ? undefined : arrival - this.#indexedAt
    const isDue = isTimeIndexDue(sinceMs, this.#bytesSinceIndexed)
    if (isDue) {
      this.#indexedAt = arrival
      this.#bytesSinceIndexed = 0
    }
    this.#bytesSinceIndexed += batch.length
    return isDue
  }

  /**
   * The shard's head in the compacted segment; undefined if it needs none. A shard with no kept batch keeps an empty
   * head if the newest source has a head: searches read the heads, and take a segment without one for older than the
   * shard.
   */
  headFrom({ head, isLast }: NewestHead): HeadRow | undefined {
    if (this.#batches === 0 && !isLast) return undefined
    // As in every segment, the horizon in a head is not above the head's end.
    const trimHorizon = Math.max(head.trimHorizon, Math.min(this.#trimHorizon, head.next))
    return { ...head, ...(this.#batches === 0 ? emptyAfter(head) : this.extent()), trimHorizon }
  }

  /** The extent of the added batches. */
  extent(): BatchExtent {
    return {
      first: this.#first,
      next: this.#next,
      firstArrival: this.#firstArrival,
      lastArrival: this.#lastArrival,
      bytes: this.#bytes,
      batches: this.#batches,
    }
  }
}

/** The extent of a segment in which the shard wrote nothing. */
function emptyAfter({ next, lastArrival }: HeadRow): BatchExtent {
  return { first: next, next, firstArrival: lastArrival, lastArrival, bytes: 0, batches: 0 }
}
