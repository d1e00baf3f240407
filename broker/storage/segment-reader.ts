// Reads stored batches by sequence number and by time. Runs in the reader pool, or inline in the caller's thread. It
// copies out of the map, verifies every batch it returns, and says where damage begins; it never returns a batch that
// is torn, partial or stored at a number other than its own.
import { arrivalTimeAt, checkStoredBatch, recordCountAt } from '../../protocol/batch/batch.ts'
import type { Damage } from '../../protocol/structs.ts'
import { storageFailure } from '../channels/failure.ts'
import type { SegmentList } from '../threads/owner-contract.ts'
import type { ReadReply, ReadTask, SeekReply, SeekTask, SegmentReader } from '../threads/reader-contract.ts'
import { keyAfter } from './rows/all-rows.ts'
import { isDamage, openLmdb, type Environment, type OpenEnvironment } from './environment.ts'
import { decodeKey, decodeRow, encodeKey } from './rows/key-space.ts'
import { BatchCopy } from './segments/batch-copy.ts'
import { SegmentCache, type SegmentRef } from './segments/segment-cache.ts'
import { extentInSegment, type ExtentInSegment } from './segments/extent-in-segment.ts'

const ENVIRONMENTS_MAX = 24
/** How many extents of sealed segments are cached, so that a search need not open the segments again. */
const EXTENTS_MAX = 100_000

/** Runs the reader pool's functions in the calling thread. */
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
    let at = await this.#holderOf(refs, slot, from)
    while (at < refs.length && step.next < until && !step.isFull && step.damage === undefined) {
      step = await this.#copyFrom(refs, at, { slot, from: step.next, until, copy })
      if (step.gap === undefined) at++
      else step = await this.#passOver(step.gap, refs, slot, copy)
    }
    const { next, damage } = step
    return { ...copy.finish(), next, ...(damage !== undefined && { damage }) }
  }

  /**
   * Copies batches from one segment. If the whole segment is damaged, the damage reaches up to the next readable
   * number.
   */
  async #copyFrom(refs: readonly SegmentRef[], at: number, range: CopyRange): Promise<CopyStep> {
    try {
      return await this.#cache.use(refs[at]!, (environment) => copyBatches(environment, range))
    } catch (error) {
      if (!isDamage(error)) throw error
      const { slot, from, until } = range
      const next = (await this.#readableFrom(refs.slice(at + 1), slot, from)) ?? until
      return { next: from, damage: damageOf(from, Math.min(next, until), textOf(error)) }
    }
  }

  /** The first number above `from` that a later segment's head says it holds; undefined if none does. */
  async #readableFrom(refs: readonly SegmentRef[], slot: number, from: number): Promise<number | undefined> {
    for (const ref of refs) {
      const extent = await this.#extentUnlessDamaged(ref, slot)
      if (extent !== 'damaged' && extent !== undefined && extent.next > from + 1) {
        return Math.max(extent.first, from + 1)
      }
    }
    return undefined
  }

  /**
   * Handles a gap: if its numbers were trimmed, reading continues behind it; otherwise it is damage. A sealed segment
   * does not know of later trims, but the active segment does, before trimmed records are removed.
   */
  async #passOver(
    { from, to, trimHorizon }: Gap,
    refs: readonly SegmentRef[],
    slot: number,
    copy: BatchCopy,
  ): Promise<CopyStep> {
    const active = await this.#extentUnlessDamaged(refs.at(-1)!, slot)
    const trimmed = active === 'damaged' ? 0 : (active?.trimHorizon ?? 0)
    if (to > Math.max(trimHorizon, trimmed)) {
      const reason = `The batches from ${from} to ${to} are missing.`
      return { next: from, damage: damageOf(from, to, reason) }
    }
    // One reply has no gap in it.
    return copy.isEmpty ? { next: to } : { next: from, isFull: true }
  }

  async seek({ list, slot, timestamp, until }: Omit<SeekTask, 'task'>): Promise<SeekReply> {
    const refs = refsOf(list)
    const nothing = { sequenceNumber: until, arrivalTime: 0 }
    try {
      // Arrival times never fall, and a segment without batches of the shard repeats the last arrival before it.
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
      const found = await this.#seekPastDamage(refs, slot, timestamp)
      if (found === undefined) throw storageFailure('corruptData', textOf(error), { cause: error })
      return found.sequenceNumber < until ? found : nothing
    }
  }

  /**
   * Searches segment by segment. If the batch may lie in a damaged segment, returns the number after the last
   * readable one before it: a read from there reports the damage. Undefined if no segment has a readable extent.
   */
  async #seekPastDamage(
    refs: readonly SegmentRef[],
    slot: number,
    timestamp: number,
  ): Promise<SeekReply | undefined> {
    let next: number | undefined
    let damagedAt: number | undefined
    for (const ref of refs) {
      const extent = await this.#extentUnlessDamaged(ref, slot)
      if (extent === 'damaged') {
        damagedAt ??= next ?? 0
        continue
      }
      if (extent === undefined) continue
      next = extent.next
      // The damaged segment lies before this batch, so its batches also arrived before `timestamp`.
      if (extent.batches > 0 && extent.firstArrival < timestamp) damagedAt = undefined
      if (extent.lastArrival < timestamp || damagedAt !== undefined) continue
      const found = await this.#cache.use(ref, (environment) => findByTime(environment, slot, timestamp))
      if (found !== undefined) return found
    }
    if (next === undefined) return undefined
    return { sequenceNumber: damagedAt ?? next, arrivalTime: timestamp }
  }

  async close(): Promise<void> {
    await this.#cache.close()
  }

  /**
   * Index of the segment that holds `from`, or else the next higher number; `refs.length` if none does. A segment
   * that is damaged as a whole is passed over, unless no other segment can hold it.
   */
  async #holderOf(refs: readonly SegmentRef[], slot: number, from: number): Promise<number> {
    try {
      return await this.#search(refs, slot, (extent) => extent.next > from)
    } catch (error) {
      if (!isDamage(error)) throw error
    }
    let damagedAt: number | undefined
    for (const [at, ref] of refs.entries()) {
      const extent = await this.#extentUnlessDamaged(ref, slot)
      if (extent === 'damaged') damagedAt ??= at
      else if (extent !== undefined && extent.next > from) return extent.first > from ? (damagedAt ?? at) : at
      else if (extent !== undefined) damagedAt = undefined
    }
    return damagedAt ?? refs.length
  }

  /**
   * Binary search: index of the first segment for which `isAt` holds, and then for all later ones; else
   * `refs.length`.
   */
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

  async #extentUnlessDamaged(
    ref: SegmentRef,
    slot: number,
  ): Promise<ExtentInSegment | 'damaged' | undefined> {
    try {
      return await this.#extentOf(ref, slot)
    } catch (error) {
      if (!isDamage(error)) throw error
      return 'damaged'
    }
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

/** Which batches to copy, and where. */
interface CopyRange {
  readonly slot: number
  readonly from: number
  readonly until: number
  readonly copy: BatchCopy
}

interface CopyStep {
  readonly next: number
  readonly isFull?: boolean
  readonly damage?: Damage
  readonly gap?: Gap
}

/** Numbers that neither this segment nor an earlier one holds. */
interface Gap {
  readonly from: number
  readonly to: number
  /** The trim horizon in this segment's head. */
  readonly trimHorizon: number
}

/** Copies the shard's batches of one segment, from the batch that holds `from`. */
function copyBatches(environment: Environment, { slot, from, until, copy }: CopyRange): CopyStep {
  const extent = extentInSegment(environment, slot)
  if (extent === undefined) return { next: from }
  const { first, trimHorizon } = extent
  if (from < first) return { next: from, gap: { from, to: first, trimHorizon } }
  const end = Math.min(extent.next, until)
  let next = from
  if (next >= end) return { next }
  copy.reserve(Math.ceil((extent.bytes * (end - next)) / (extent.next - extent.first)))
  const damagedAt = (number: number, reason: string): CopyStep => {
    return { next, damage: damageOf(number, keyBehind(environment, slot, number, end), reason) }
  }
  const found = environment.keyAtOrBefore(
    encodeKey('batch', slot, next),
    encodeKey('batch', slot, extent.first),
  )
  let base = found === undefined ? next : decodeKey('batch', found).base
  while (base < end) {
    const stored = peekBatch(environment, slot, base)
    if (stored === undefined) return damagedAt(base, `The batch at ${base} is missing.`)
    if (typeof stored === 'string') return damagedAt(base, stored)
    if (!copy.fits(stored.length)) return { next, isFull: true }
    const batch = copy.add(stored)
    const fault = checkStoredBatch(batch, base)
    if (fault !== undefined) {
      copy.removeLast()
      return damagedAt(base, `The batch at ${base}: ${fault}`)
    }
    base += recordCountAt(batch, 0)
    if (base <= next) {
      copy.removeLast()
      return damagedAt(next, `The batch at ${next} is missing.`)
    }
    next = base
  }
  return { next }
}

/** A view of a stored batch; undefined if there is none; LMDB's message if a page on the way to it is damaged. */
function peekBatch(environment: Environment, slot: number, base: number): Uint8Array | string | undefined {
  try {
    return environment.peek(encodeKey('batch', slot, base))
  } catch (error) {
    if (!isDamage(error)) throw error
    return textOf(error)
  }
}

/** The base of the first batch above `number` in this segment; `end` if there is none below `end`. */
function keyBehind(environment: Environment, slot: number, number: number, end: number): number {
  const range = { start: keyAfter(encodeKey('batch', slot, number)), end: encodeKey('batch', slot, end) }
  const key = environment.keys(range, 1)[0]
  return key === undefined ? end : decodeKey('batch', key).base
}

function damageOf(firstSequenceNumber: number, nextSequenceNumber: number, reason: string): Damage {
  return { firstSequenceNumber, nextSequenceNumber, reason }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
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
    // A read from here reports the damage. The batches around it show that it did not arrive before `timestamp`.
    if (batch === undefined || checkStoredBatch(batch, base) !== undefined) {
      return { sequenceNumber: base, arrivalTime: timestamp }
    }
    const arrivalTime = arrivalTimeAt(batch, 0)
    if (arrivalTime >= timestamp) return { sequenceNumber: base, arrivalTime }
    base += recordCountAt(batch, 0)
  }
  return undefined
}

/** The last batch in the time index that arrived before `timestamp`; the wanted batch follows soon after it. */
function indexedBefore(environment: Environment, slot: number, timestamp: number): number | undefined {
  const key = environment.keyAtOrBefore(encodeKey('time', slot, timestamp - 1), encodeKey('time', slot, 0))
  const value = key && environment.get(key)
  // If the index row is missing or damaged, the search begins at the segment's first batch.
  return value && decodeRow('time', key, value)?.base
}
