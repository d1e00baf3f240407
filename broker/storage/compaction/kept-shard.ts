// One shard in the making of a compacted segment: its extent there, and its time index. Runs on the maintenance thread, pure.
// Batches come in the order of their numbers and must follow on each other: a gap above the horizon is damage.
import { arrivalTimeAt, recordCountAt } from '../../../protocol/batch.ts'
import { isTimeIndexDue } from '../append/shard-log.ts'
import type { HeadRow } from '../key-space.ts'
import type { BatchExtent } from '../segments/batch-extent.ts'

/** Where a shard stands in the newest of the sources that know it. */
export interface NewestHead {
  readonly head: HeadRow
  /** Whether that is the newest source of all. */
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

  /** The number that must be next; undefined while any may be. */
  get next(): number | undefined {
    return this.#batches === 0 ? undefined : this.#next
  }

  /** Takes a verified batch in. Answers whether its time index row is due. */
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
   * Its row in the compacted segment. A shard of which nothing is left keeps an empty one, where the newest source has
   * one: searches go by the heads, and a segment without is taken for older than the shard. Undefined where it needs none.
   */
  headFrom({ head, isLast }: NewestHead): HeadRow | undefined {
    if (this.#batches === 0 && !isLast) return undefined
    // What this segment says of the horizon is at most where it ends, as in any segment.
    const trimHorizon = Math.max(head.trimHorizon, Math.min(this.#trimHorizon, head.next))
    return { ...head, ...(this.#batches === 0 ? emptyAfter(head) : this.extent()), trimHorizon }
  }

  /** What was taken in. */
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

/** As a segment says it in which the shard wrote nothing. */
function emptyAfter({ next, lastArrival }: HeadRow): BatchExtent {
  return { first: next, next, firstArrival: lastArrival, lastArrival, bytes: 0, batches: 0 }
}
