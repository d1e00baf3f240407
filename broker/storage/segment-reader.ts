// Reads stored batches by sequence number and by time. Runs in the reader pool, or inline in the caller's thread. It
// copies out of the map, verifies every batch it answers, and says where damage begins; it never answers a batch that
// is torn, partial or at another number than it claims.
import { arrivalTimeAt, checkStoredBatch, recordCountAt } from '../../protocol/batch.ts'
import { storageFailure } from '../threads/failure.ts'
import type { SegmentList } from '../threads/owner-contract.ts'
import type { ReadReply, ReadTask, SeekReply, SeekTask, SegmentReader } from '../threads/reader-contract.ts'
import { isDamage, openLmdb, type Environment, type OpenEnvironment } from './environment.ts'
import { decodeKey, decodeRow, encodeKey } from './key-space.ts'
import { BatchCopy } from './segments/batch-copy.ts'
import { SegmentCache, type SegmentRef } from './segments/segment-cache.ts'
import { extentInSegment, type ExtentInSegment } from './segments/extent-in-segment.ts'

const ENVIRONMENTS_MAX = 24
/** Extents of sealed segments that are remembered, so that a search need not open them again. */
const EXTENTS_MAX = 100_000

/** The functions of the reader pool, in this thread. */
export function inlineSegmentReader(
  options: { openEnvironment?: OpenEnvironment; environmentsMax?: number } = {},
): SegmentReader {
  return new InlineReader(options)
}

class InlineReader implements SegmentReader {
  readonly #cache: SegmentCache
  readonly #extents = new Map<string, ExtentInSegment | undefined>()

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
      while (at < refs.length && step.next < until && !step.isFull && step.corrupt === undefined) {
        const { next } = step
        step = await this.#cache.use(refs[at]!, (environment) =>
          copyBatches(environment, { slot, from: next, until, copy }),
        )
        if (step.gap === undefined) at++
        else step = await this.#passOver(step.gap, refs, slot, copy)
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      step = { next: step.next, corrupt: (error as Error).message }
    }
    const { next, corrupt } = step
    return { ...copy.finish(), next, ...(corrupt !== undefined && { corrupt }) }
  }

  /**
   * Where the numbers of a gap were trimmed, reading goes on behind it; where they should be there, that is damage. A
   * sealed segment does not know what was trimmed since: the active one does, before anything is removed.
   */
  async #passOver(
    { from, to, trimHorizon }: Gap,
    refs: readonly SegmentRef[],
    slot: number,
    copy: BatchCopy,
  ): Promise<CopyStep> {
    const active = await this.#extentOf(refs.at(-1)!, slot)
    const isTrimmed = to <= Math.max(trimHorizon, active?.trimHorizon ?? 0)
    if (!isTrimmed) return { next: from, corrupt: `The batches from ${from} to ${to} are missing.` }
    // What is answered has no gap in it.
    return copy.isEmpty ? { next: to } : { next: from, isFull: true }
  }

  async seek({ list, slot, timestamp, until }: Omit<SeekTask, 'task'>): Promise<SeekReply> {
    const refs = refsOf(list)
    const nothing = { sequenceNumber: until, arrivalTime: 0 }
    try {
      // Arrival times never go back, and a segment without batches of the shard repeats the last one before it.
      let at = await this.#search(refs, slot, (extent) => extent.lastArrival >= timestamp)
      for (; at < refs.length; at++) {
        const found = await this.#cache.use(refs[at]!, (environment) =>
          findByTime(environment, slot, timestamp),
        )
        if (found === undefined) continue
        return found.sequenceNumber < until ? found : nothing
      }
      return nothing
    } catch (error) {
      if (!isDamage(error)) throw error
      throw storageFailure('corruptData', (error as Error).message, { cause: error })
    }
  }

  async close(): Promise<void> {
    await this.#cache.close()
  }

  /** Index of the first segment for which `isAt` holds; it must hold for all behind it. `refs.length` where none does. */
  async #search(
    refs: readonly SegmentRef[],
    slot: number,
    isAt: (extent: ExtentInSegment) => boolean,
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

  async #extentOf(ref: SegmentRef, slot: number): Promise<ExtentInSegment | undefined> {
    const name = `${ref.directory}/${ref.name}/${slot}`
    if (!ref.isActive && this.#extents.has(name)) return this.#extents.get(name)
    const extent = await this.#cache.use(ref, (environment) => extentInSegment(environment, slot))
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

interface CopyStep {
  readonly next: number
  readonly isFull?: boolean
  readonly corrupt?: string
  readonly gap?: Gap
}

/** Numbers that this segment should have, or one before it, and that neither has. */
interface Gap {
  readonly from: number
  readonly to: number
  /** As this segment knows it. */
  readonly trimHorizon: number
}

/** Copies the shard's batches of one segment, from the one that holds `from`. */
function copyBatches(
  environment: Environment,
  { slot, from, until, copy }: { slot: number; from: number; until: number; copy: BatchCopy },
): CopyStep {
  const extent = extentInSegment(environment, slot)
  if (extent === undefined) return { next: from }
  const { first, trimHorizon } = extent
  if (from < first) return { next: from, gap: { from, to: first, trimHorizon } }
  const end = Math.min(extent.next, until)
  let next = from
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

/** The first batch in this segment that arrived at `timestamp` or later. */
function findByTime(environment: Environment, slot: number, timestamp: number): SeekReply | undefined {
  const extent = extentInSegment(environment, slot)
  if (extent === undefined || extent.batches === 0) return undefined
  const { first, next, firstArrival, lastArrival } = extent
  if (firstArrival >= timestamp) return { sequenceNumber: first, arrivalTime: firstArrival }
  if (lastArrival < timestamp) return undefined
  let base = indexedBefore(environment, slot, timestamp) ?? first
  while (base < next) {
    const batch = environment.peek(encodeKey('batch', slot, base))
    // Reading from there tells of the damage; that it is not older is what everything around it says.
    if (batch === undefined || checkStoredBatch(batch, base) !== undefined) {
      return { sequenceNumber: base, arrivalTime: timestamp }
    }
    const arrivalTime = arrivalTimeAt(batch, 0)
    if (arrivalTime >= timestamp) return { sequenceNumber: base, arrivalTime }
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
