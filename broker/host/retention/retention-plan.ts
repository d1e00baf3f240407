// What becomes of an owner's sealed segments: which are dropped, which are compacted. Any thread, pure.
// Only what nobody wants goes: a segment is dropped when no batch in it is at or above its shard's horizon, and neighbours are
// compacted when that gives back at least half of their bytes, or makes one file of several small ones. Whatever is compacted
// is then wanted whole or at least doubled in size, so that plan after plan comes to rest.
import type { Survey } from '../../threads/maintenance-contract.ts'
import { liveBytesOf } from '../shards/live-bytes.ts'

/** Fewer small segments are left as they are. */
const MERGED_MIN = 4
/** More are not compacted at once: the next plan goes on. */
const RUN_MAX = 64
/** A segment is small below this part of the size at which segments are sealed. */
const SMALL_PART = 1 / 4
/** What smaller ones weigh as when they are merged: to write them again costs next to nothing. */
const LEAST_PART = 1 / 64

/** What is wanted of an owner's shards, by slot. */
export interface WantedShards {
  /** The oldest readable number of every shard that is not forgotten. */
  readonly horizons: ReadonlyMap<number, number>
  /** Shards of which everything stays. */
  readonly refused: ReadonlySet<number>
}

/** One sealed segment, as far as plans go by it. */
export interface SegmentMeasure {
  readonly segment: string
  readonly fileBytes: number
  /** Of its batches. */
  readonly bytes: number
  /** How many of these are wanted, by interpolation within spans; 0 only where none is. */
  readonly liveBytes: number
  /** It stays as it is: something in it belongs to a refused shard. */
  readonly isPinned: boolean
}

export function measureSegment(
  { segment, fileBytes, spans }: Survey,
  { horizons, refused }: WantedShards,
): SegmentMeasure {
  let bytes = 0
  let liveBytes = 0
  let isPinned = false
  for (const span of spans) {
    if (span.first === span.next) continue
    bytes += span.bytes
    const horizon = horizons.get(span.slot)
    if (horizon !== undefined) liveBytes += liveBytesOf(span, horizon)
    if (refused.has(span.slot)) isPinned = true
  }
  return { segment, fileBytes, bytes, liveBytes, isPinned }
}

export interface SegmentPlanOptions {
  /** Size at which segments are sealed, and which a compacted one does not pass. */
  readonly segmentBytes: number
  /** What a compacted segment may take on the disk; less than `segmentBytes` under disk pressure. */
  readonly roomBytes: number
  /** Segments that are not to be compacted now: that has failed lately. */
  readonly isHeld: (segment: string) => boolean
}

/** Neighbours to be written again as one segment. */
export interface CompactionPlan {
  readonly sources: readonly string[]
  /** Of the files that go. */
  readonly fileBytes: number
  /** Estimate for the file that comes. */
  readonly targetBytes: number
  /** What it gives back for what it costs, to choose among owners. */
  readonly worth: number
}

export interface SegmentPlan {
  /** Runs of neighbours in which nothing is wanted. */
  readonly drop: readonly (readonly string[])[]
  readonly compact: CompactionPlan | undefined
}

/** Plans for sealed segments, oldest first; `undefined` stands for one of which nothing is known, which stays. */
export function planSegments(
  sealed: readonly (SegmentMeasure | undefined)[],
  options: SegmentPlanOptions,
): SegmentPlan {
  const drop: string[][] = []
  const kept: (SegmentMeasure | undefined)[] = []
  let run: string[] | undefined
  for (const measure of sealed) {
    if (measure === undefined || measure.isPinned || measure.liveBytes > 0) {
      kept.push(measure)
      run = undefined
    } else if (run) run.push(measure.segment)
    else drop.push((run = [measure.segment]))
  }
  return { drop, compact: bestCompaction(kept, options) }
}

function bestCompaction(
  segments: readonly (SegmentMeasure | undefined)[],
  options: SegmentPlanOptions,
): CompactionPlan | undefined {
  let best: CompactionPlan | undefined
  for (let start = 0; start < segments.length; start++) {
    const run = new Run(options)
    for (let end = start; end < segments.length && end - start < RUN_MAX; end++) {
      const measure = segments[end]
      if (measure === undefined || !run.add(measure)) break
      const worth = run.worth
      if (worth === 0 || (best && worth <= best.worth)) continue
      const { fileBytes, targetBytes } = run
      const sources = segments.slice(start, end + 1).map((source) => source!.segment)
      best = { sources, fileBytes, targetBytes, worth }
    }
  }
  return best
}

/** Neighbours that may be compacted together. */
class Run {
  fileBytes = 0
  targetBytes = 0
  readonly #options: SegmentPlanOptions
  readonly #leastBytes: number
  readonly #smallBytes: number
  #count = 0
  #weight = 0
  #heaviest = 0
  #areSmall = true

  constructor(options: SegmentPlanOptions) {
    this.#options = options
    this.#leastBytes = options.segmentBytes * LEAST_PART
    this.#smallBytes = options.segmentBytes * SMALL_PART
  }

  /** False, where the segment is neither sparse nor small, or does not fit with the others. */
  add({ segment, fileBytes, bytes, liveBytes, isPinned }: SegmentMeasure): boolean {
    const { segmentBytes, roomBytes, isHeld } = this.#options
    if (isPinned || isHeld(segment)) return false
    const target = Math.ceil((fileBytes * liveBytes) / bytes)
    const isSmall = target <= this.#smallBytes
    if (!isSmall && liveBytes * 2 >= bytes) return false
    if (this.targetBytes + target > Math.min(segmentBytes, roomBytes)) return false
    const weight = Math.max(target, this.#leastBytes)
    this.fileBytes += fileBytes
    this.targetBytes += target
    this.#count++
    this.#weight += weight
    this.#heaviest = Math.max(this.#heaviest, weight)
    this.#areSmall &&= isSmall
    return true
  }

  /** Bytes that come back for each byte that is written; a file less counts as some bytes. 0 where it does not pay. */
  get worth(): number {
    if (!this.#halves && !this.#merges) return 0
    const freed = this.fileBytes - this.targetBytes + (this.#count - 1) * this.#leastBytes
    return freed / (this.targetBytes + this.#leastBytes)
  }

  get #halves(): boolean {
    return this.targetBytes * 2 < this.fileBytes
  }

  /** Every one of them ends in a file of twice its size at least: a byte is written again a few times, however long it lives. */
  get #merges(): boolean {
    const hasRoom = this.#options.roomBytes >= this.#options.segmentBytes
    return hasRoom && this.#areSmall && this.#count >= MERGED_MIN && this.#heaviest * 2 <= this.#weight
  }
}
