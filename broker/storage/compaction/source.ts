// One of the sealed segments that a compaction reads. Runs on the maintenance thread. It returns batches only if their
// checksums match and their numbers have no gap: anything else is damage and ends the compaction.
import { checkStoredBatch, recordCountAt } from '../../../protocol/batch/batch.ts'
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { storageFailure } from '../../channels/failure.ts'
import type { Environment, OpenEnvironment } from '../environment.ts'
import { decodeKey, decodeRow, encodeKey, rangeOf, type HeadRow } from '../rows/key-space.ts'
import { segmentPath, formatSegmentName, type SegmentName } from '../segments/segment-name.ts'
import { openForReading, segmentFault } from '../segments/segment.ts'

export interface LiveBatch {
  readonly base: number
  /** A private copy. */
  readonly batch: Uint8Array
}

export class CompactionSource {
  readonly #path: string
  readonly #environment: Environment

  private constructor(path: string, environment: Environment) {
    this.#path = path
    this.#environment = environment
  }

  static async open(
    place: { directory: string; ownerId: number; openEnvironment: OpenEnvironment },
    name: SegmentName,
  ): Promise<CompactionSource> {
    const path = segmentPath(place.directory, formatSegmentName(name))
    const environment = await openForReading(place.openEnvironment, path)
    const source = new CompactionSource(path, environment)
    const fault = segmentFault(environment, place.ownerId, name)
    if (fault === undefined) return source
    await environment.close()
    throw source.#damaged(fault)
  }

  /** Size of the segment's file. */
  get bytes(): number {
    return this.#environment.bytesUsed()
  }

  /**
   * The shard's head in this segment; undefined if the segment has none. Throws `corruptData` if the head is damaged or
   * lost.
   */
  headOf(slot: number): HeadRow | undefined {
    const key = encodeKey('head', slot)
    const value = this.#environment.get(key)
    const head = value && decodeRow('head', key, value)
    if (head !== undefined) return head
    if (value !== undefined) throw this.#damaged(`the head of slot ${slot} does not match its checksum`)
    const isThere = this.#environment.keys(rangeOf('batch', slot), 1).length > 0
    if (isThere) throw this.#damaged(`slot ${slot} has batches and no head`)
    return undefined
  }

  /** The shard's batches from the batch that holds `from` to the shard's end in this segment. */
  *batchesFrom(from: number, slot: number, head: HeadRow): Generator<LiveBatch> {
    if (head.next <= Math.max(from, head.first)) return
    let base = this.#baseOf(Math.max(from, head.first), slot, head)
    while (base < head.next) {
      const batch = this.#environment.get(encodeKey('batch', slot, base))
      if (batch === undefined) throw this.#damaged(`slot ${slot}, batch ${base}: it is missing`)
      const fault = checkStoredBatch(batch, base)
      if (fault !== undefined) throw this.#damaged(`slot ${slot}, batch ${base}: ${fault}`)
      const next = base + recordCountAt(batch, 0)
      if (next <= from) throw this.#damaged(`slot ${slot}: number ${from} is missing`)
      yield { base, batch }
      base = next
    }
    if (base !== head.next) throw this.#damaged(`slot ${slot}: it ends at ${base}, not at ${head.next}`)
  }

  /** The base of the batch that holds `number`. */
  #baseOf(number: number, slot: number, head: HeadRow): number {
    const lowest = encodeKey('batch', slot, head.first)
    const found = this.#environment.keyAtOrBefore(encodeKey('batch', slot, number), lowest)
    if (found === undefined) throw this.#damaged(`slot ${slot}: number ${number} is missing`)
    return decodeKey('batch', found).base
  }

  async close(): Promise<void> {
    await this.#environment.close()
  }

  #damaged(what: string): MillraceError {
    return storageFailure('corruptData', `${this.#path}: ${what}.`)
  }
}
