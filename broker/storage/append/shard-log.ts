// Where one shard stands in the owner's memory: its tail, its extent in the active segment, and when its time index is
// due. Runs on the owner thread, pure. It runs ahead of the disk by at most the one commit under way; when that fails
// it is thrown away and read from disk again. An idle shard costs this object and nothing else.
import type { HeadRow } from '../key-space.ts'
import type { Producer } from './producer-table.ts'

/** A row of the time index is due after this much time, or this many bytes, since the last one. */
const TIME_INDEX_MS = 1000
const TIME_INDEX_BYTES = 1024 * 1024

const NEVER = -1

export class ShardLog {
  readonly slot: number
  /** The host serves it: appends are taken. */
  isOpen = false
  /** It was sealed: its tail is final. */
  isClosed = false
  /** Nobody wants its records any more: it is not carried into new segments. */
  isForgotten = false
  /** It stored something once, or was sealed: it has a head, and its numbers are never given again. */
  hasHead = false
  /** Next number to assign. */
  tail: number
  /** Oldest number that may be read; equals the tail while the shard is empty. */
  trimHorizon: number
  lastArrival = 0
  /** Its batches in the active segment and their bytes, the number where they begin, and when the first of them arrived. */
  batches = 0
  bytes = 0
  first: number
  firstArrival = 0
  /** Its producers, by id; absent until there is one. */
  producers: Map<number, Producer> | undefined
  /** True while the commit that is being put together has batches of it. */
  isStaged = false
  #indexedAt = NEVER
  #bytesSinceIndexed = 0

  /** A shard without records, whose numbers begin at `startingSequenceNumber`. */
  constructor(slot: number, startingSequenceNumber: number) {
    this.slot = slot
    this.tail = this.trimHorizon = this.first = startingSequenceNumber
  }

  /** A shard as the active segment tells of it. */
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

  /** Raises the tail of a shard that never stored anything to what the catalog says. */
  startAt(sequenceNumber: number): void {
    if (this.hasHead || sequenceNumber <= this.tail) return
    this.tail = this.trimHorizon = this.first = sequenceNumber
  }

  /**
   * Takes a batch in: its first record gets the old tail, and `lastArrival` becomes its arrival time, which never goes
   * back. Returns whether a row of the time index is due at this batch.
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

  /** The first batch of a segment always, so that a search never leaves it. One row a millisecond: it is the key. */
  #isIndexDue(arrival: number): boolean {
    return isTimeIndexDue(
      this.#indexedAt === NEVER ? undefined : arrival - this.#indexedAt,
      this.#bytesSinceIndexed,
    )
  }

  /** The shard's row in the active segment. */
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

  /** Goes on in a new segment, which holds nothing of the shard yet. */
  roll(): void {
    this.first = this.tail
    this.firstArrival = this.lastArrival
    this.bytes = 0
    this.batches = 0
    this.#indexedAt = NEVER
    this.#bytesSinceIndexed = 0
  }
}

/** Whether a batch gets a row in the time index: `sinceMs` since the last row, undefined where the segment has none. */
export function isTimeIndexDue(sinceMs: number | undefined, bytesSince: number): boolean {
  if (sinceMs === undefined) return true
  return sinceMs >= TIME_INDEX_MS || (sinceMs > 0 && bytesSince >= TIME_INDEX_BYTES)
}
