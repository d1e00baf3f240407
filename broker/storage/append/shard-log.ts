// One shard in the owner's memory: its tail, its extent in the active segment, and when its time index is due. Runs on
// the owner thread, pure. It is ahead of the disk by at most the one commit under way; if that fails, it is discarded
// and read from disk again. An idle shard costs only this object.
import type { HeadRow } from '../rows/key-space.ts'
import type { Producer } from './producer-table.ts'

/** Time and bytes after which the next row of the time index is due. */
const TIME_INDEX_MS = 1000
const TIME_INDEX_BYTES = 1024 * 1024

const NEVER = -1

export class ShardLog {
  readonly slot: number
  /** The host serves the shard: it takes appends. */
  isOpen = false
  /** The shard is sealed: its tail is final. */
  isClosed = false
  /** The shard's records are no longer wanted: it is not carried into new segments. */
  isForgotten = false
  /** The shard stored something or was sealed: it has a head, and its numbers are never assigned again. */
  hasHead = false
  /** The next sequence number to assign. */
  tail: number
  /** The oldest number that may be read; equals the tail if the shard is empty. */
  trimHorizon: number
  lastArrival = 0
  /** The shard's batches in the active segment: their count and bytes, their first number, and the first arrival time. */
  batches = 0
  bytes = 0
  first: number
  firstArrival = 0
  /** The shard's producers, by id; undefined until there is one. */
  producers: Map<number, Producer> | undefined
  /** True while the commit being collected holds batches of this shard. */
  isStaged = false
  #indexedAt = NEVER
  #bytesSinceIndexed = 0

  /** A shard without records, whose numbers begin at `startingSequenceNumber`. */
  constructor(slot: number, startingSequenceNumber: number) {
    this.slot = slot
    this.tail = this.trimHorizon = this.first = startingSequenceNumber
  }

  /** Creates a shard from its head in the active segment. */
  static fromHead(slot: number, head: HeadRow): ShardLog {
    const log = new ShardLog(slot, head.next)
    log.hasHead = true
    log.isClosed = head.closed !== 0
    log.isForgotten = head.forgotten !== 0
    log.trimHorizon = head.trimHorizon
    log.lastArrival = head.lastArrival
    log.bytes = head.bytes
    log.batches = head.batches
    log.first = head.first
    log.firstArrival = head.firstArrival
    return log
  }

  /** Raises the tail to the catalog's starting number, if the shard never stored anything. */
  startAt(sequenceNumber: number): void {
    if (this.hasHead || sequenceNumber <= this.tail) return
    this.tail = this.trimHorizon = this.first = sequenceNumber
  }

  /**
   * Adds a batch: its first record gets the old tail, and `lastArrival` becomes its arrival time, which never falls.
   * Returns true if the batch needs a row in the time index.
   */
  stage(recordCount: number, bytes: number, now: number): boolean {
    const arrival = Math.max(now, this.lastArrival)
    if (this.batches === 0) this.firstArrival = arrival
    this.hasHead = true
    this.tail += recordCount
    this.lastArrival = arrival
    this.batches++
    this.bytes += bytes
    const due = this.#isIndexDue(arrival)
    if (due) {
      this.#indexedAt = arrival
      this.#bytesSinceIndexed = 0
    }
    this.#bytesSinceIndexed += bytes
    return due
  }

  /**
   * The first batch of a segment always has a row, so that a search stays within the segment. At most one row per
   * millisecond, because the time is its key.
   */
  #isIndexDue(arrival: number): boolean {
    return isTimeIndexDue(
      this.#indexedAt === NEVER ? undefined : arrival - this.#indexedAt,
      this.#bytesSinceIndexed,
    )
  }

  /** The shard's head in the active segment. */
  head(): HeadRow {
    return {
      first: this.first,
      next: this.tail,
      firstArrival: this.firstArrival,
      lastArrival: this.lastArrival,
      bytes: this.bytes,
      batches: this.batches,
      trimHorizon: this.trimHorizon,
      closed: this.isClosed ? 1 : 0,
      forgotten: this.isForgotten ? 1 : 0,
    }
  }

  /** Continues in a new segment, which has no batches of the shard yet. */
  roll(): void {
    this.first = this.tail
    this.firstArrival = this.lastArrival
    this.bytes = 0
    this.batches = 0
    this.#indexedAt = NEVER
    this.#bytesSinceIndexed = 0
  }
}

/**
 * Returns true if a batch needs a row in the time index. `sinceMs` is the time since the last row; undefined if the
 * segment has none.
 */
export function isTimeIndexDue(sinceMs: number | undefined, bytesSince: number): boolean {
  if (sinceMs === undefined) return true
  return sinceMs >= TIME_INDEX_MS || (sinceMs > 0 && bytesSince >= TIME_INDEX_BYTES)
}
