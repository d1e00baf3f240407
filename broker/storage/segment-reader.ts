// Reads stored batches by sequence number and by time. Runs in the reader pool, or inline in the caller's thread. It
// copies out of the map, verifies every batch it answers, and says where damage begins; it never answers a batch that
// is torn, partial or at another number than it claims.
import { arrivalTimeAt, checkStoredBatch, recordCountAt } from '../../protocol/batch.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { SegmentList } from '../threads/owner-contract.ts'
import type { ReadReply, ReadTask, SeekReply, SeekTask, SegmentReader } from '../threads/reader-contract.ts'
import { isDamage, openLmdb, type Environment, type OpenEnvironment } from './environment.ts'
import { DamagedRow, decodeKey, decodeRow, encodeKey, type HeadRow } from './key-space.ts'
import { extentOfBatches, type BatchExtent } from './segments/batch-extent.ts'
import { BatchCopy } from './segments/batch-copy.ts'
import { SegmentCache, type SegmentRef } from './segments/segment-cache.ts'

const ENVIRONMENTS_MAX = 24
/** Extents of sealed segments that are remembered, so that a search need not open them again. */
const EXTENTS_MAX = 100_000

/** Where a shard lies in one segment; undefined where the segment is older than the shard. */
type Extent = (BatchExtent & Pick<HeadRow, 'trimHorizon'>) | undefined

/** The functions of the reader pool, in this thread. */
export function inlineSegmentReader(
  options: { openEnvironment?: OpenEnvironment; environmentsMax?: number } = {},
): SegmentReader {
  return new InlineReader(options)
}

class InlineReader implements SegmentReader {
  readonly #cache: SegmentCache
  readonly #extents = new Map<string, Extent>()

  constructor(options: { openEnvironment?: OpenEnvironment; environmentsMax?: number }) {
    const { openEnvironment = openLmdb, environmentsMax = ENVIRONMENTS_MAX } = options
    this.#cache = new SegmentCache({ openEnvironment, environmentsMax })
  }

  async read({ list, slot, from, until, bytesMax }: Omit<ReadTask, 'task'>): Promise<ReadReply> {
    const copy = new BatchCopy(bytesMax)
    const refs = refsOf(list)
    let step: CopyStep = { next: from }
    try {
      // Numbers rise from segment to segment: the first whose next number is above `from` holds it.
      let at = await this.#search(refs, slot, (extent) => extent.next > from)
      for (; at < refs.length && step.next < until && !step.isFull && step.corrupt === undefined; at++) {
        const { next } = step
        step = await this.#cache.use(refs[at]!, (environment) =>
          copyBatches(environment, { slot, from: next, until, copy }),
        )
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      step = { next: step.next, corrupt: (error as Error).message }
    }
    const { next, corrupt } = step
    return { ...copy.finish(), next, ...(corrupt !== undefined && { corrupt }) }
  }

  async seek({ list, slot, timestamp, until }: Omit<SeekTask, 'task'>): Promise<SeekReply> {
    const refs = refsOf(list)
    try {
      // Arrival times never go back, and a segment without batches of the shard repeats the last one before it.
      let at = await this.#search(refs, slot, (extent) => extent.lastArrival >= timestamp)
      for (; at < refs.length; at++) {
        const found = await this.#cache.use(refs[at]!, (environment) =>
          findByTime(environment, slot, timestamp),
        )
        if (found !== undefined) return { sequenceNumber: Math.min(found, until) }
      }
      return { sequenceNumber: until }
    } catch (error) {
      if (!isDamage(error)) throw error
      throw new MillraceError('corruptData', (error as Error).message, { cause: error })
    }
  }

  async close(): Promise<void> {
    await this.#cache.close()
  }

  /** Index of the first segment for which `isAt` holds; it must hold for all behind it. `refs.length` where none does. */
  async #search(
    refs: readonly SegmentRef[],
    slot: number,
    isAt: (extent: NonNullable<Extent>) => boolean,
  ): Promise<number> {
    let low = 0
    let high = refs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const extent = await this.#extentOf(refs[middle]!, slot)
      if (extent !== undefined && isAt(extent)) high = middle
      else low = middle + 1
    }
    return low
  }

  async #extentOf(ref: SegmentRef, slot: number): Promise<Extent> {
    const name = `${ref.directory}/${ref.name}/${slot}`
    if (!ref.isActive && this.#extents.has(name)) return this.#extents.get(name)
    const extent = await this.#cache.use(ref, (environment) => extentIn(environment, slot))
    if (!ref.isActive) {
      if (this.#extents.size >= EXTENTS_MAX) this.#extents.clear()
      this.#extents.set(name, extent)
    }
    return extent
  }
}

function refsOf({ directory, segments }: SegmentList): SegmentRef[] {
  return segments.map((name, i) => ({ directory, name, isActive: i === segments.length - 1 }))
}

function extentIn(environment: Environment, slot: number): Extent {
  const key = encodeKey('head', slot)
  const value = environment.get(key)
  if (value === undefined) return undefined
  return decodeRow('head', key, value) ?? extentWithoutHead(environment, slot)
}

/** The head is damaged: its batches tell as much, unless there are none. */
function extentWithoutHead(environment: Environment, slot: number): Extent {
  const extent = extentOfBatches(environment, slot)
  if (extent === undefined || extent === 'damaged') {
    throw new DamagedRow(`The head of slot ${slot} is damaged: run millrace check.`)
  }
  // Where the shard's oldest number is they do not tell: whatever is missing below them is then reported.
  return { ...extent, trimHorizon: 0 }
}

interface CopyStep {
  readonly next: number
  readonly isFull?: boolean
  readonly corrupt?: string
}

/** Copies the shard's batches of one segment, from the one that holds `from`. */
function copyBatches(
  environment: Environment,
  { slot, from, until, copy }: { slot: number; from: number; until: number; copy: BatchCopy },
): CopyStep {
  const extent = extentIn(environment, slot)
  if (extent === undefined) return { next: from }
  if (from < extent.first && from >= extent.trimHorizon) {
    // The segments before this one hold what is below it: a jump would pass over records in silence.
    return { next: from, corrupt: `The batches from ${from} to ${extent.first} are missing.` }
  }
  const end = Math.min(extent.next, until)
  let next = Math.max(from, extent.first)
  if (next >= end) return { next }
  copy.reserve(Math.ceil((extent.bytes * (end - next)) / (extent.next - extent.first)))
  const found = environment.keyAtOrBefore(
    encodeKey('batch', slot, next),
    encodeKey('batch', slot, extent.first),
  )
  let base = found === undefined ? next : decodeKey('batch', found).base
  while (base < end) {
    const stored = environment.peek(encodeKey('batch', slot, base))
    if (stored === undefined) return { next, corrupt: `The batch at ${base} is missing.` }
    if (!copy.fits(stored.length)) return { next, isFull: true }
    const batch = copy.add(stored)
    const fault = checkStoredBatch(batch, base)
    if (fault !== undefined) {
      copy.removeLast()
      return { next, corrupt: `The batch at ${base}: ${fault}` }
    }
    base += recordCountAt(batch, 0)
    if (base <= next) {
      copy.removeLast()
      return { next, corrupt: `The batch at ${next} is missing.` }
    }
    next = base
  }
  return { next }
}

/** Base of the first batch in this segment that arrived at `timestamp` or later. */
function findByTime(environment: Environment, slot: number, timestamp: number): number | undefined {
  const extent = extentIn(environment, slot)
  if (extent === undefined || extent.batches === 0) return undefined
  if (extent.firstArrival >= timestamp) return extent.first
  if (extent.lastArrival < timestamp) return undefined
  let base = indexedBefore(environment, slot, timestamp) ?? extent.first
  while (base < extent.next) {
    const batch = environment.peek(encodeKey('batch', slot, base))
    // Reading from there tells of the damage.
    if (batch === undefined || checkStoredBatch(batch, base) !== undefined) return base
    if (arrivalTimeAt(batch, 0) >= timestamp) return base
    base += recordCountAt(batch, 0)
  }
  return undefined
}

/** The last batch of the time index that arrived before `timestamp`: the one looked for lies behind it, and not far. */
function indexedBefore(environment: Environment, slot: number, timestamp: number): number | undefined {
  const key = environment.keyAtOrBefore(encodeKey('time', slot, timestamp - 1), encodeKey('time', slot, 0))
  const value = key && environment.get(key)
  // Without it, or where it is damaged, the search begins at the segment's first batch.
  return value && decodeRow('time', key, value)?.base
}
