// Plans which sealed segments of an owner are dropped and which are compacted. Any thread, pure.
// A segment is dropped when no batch in it is at or above its shard's horizon. Neighbours are compacted when that frees at least
// half of their bytes, or makes one file of several small ones. After a compaction all records of the new file are wanted, or
// the file is at least twice as large, so repeated plans come to an end.
import type { Survey } from '../../threads/maintenance-contract.ts'
import { liveBytesOf } from '../shards/live-bytes.ts'

/** Fewest small segments that are merged. */
const MERGED_MIN = 4
/** Most segments of one compaction; the next plan takes the others. */
const RUN_MAX = 64
/** A segment is small if it is below this part of the size at which segments are sealed. */
const SMALL_PART = 1 / 4
/** Smaller segments count as this part when they are merged, because writing them again costs next to nothing. */
const LEAST_PART = 1 / 64

/** Which records of an owner's shards are wanted, by slot. */
export interface WantedShards {
  /** The oldest readable number of every shard that is not forgotten. */
  readonly horizons: ReadonlyMap<number, number>
  /** Shards whose records all stay. */
  readonly refused: ReadonlySet<number>
}

/** The figures of one sealed segment that plans use. */
export interface SegmentMeasure {
  readonly segment: string
  readonly fileBytes: number
  /** Bytes of its batches. */
  readonly bytes: number
  /** How many of these bytes are wanted, by interpolation within spans; 0 only if none is. */
  readonly liveBytes: number
  /** True if the segment must stay as it is, because it holds records of a refused shard. */
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
  /** Size at which segments are sealed, and the largest size of a compacted one. */
  readonly segmentBytes: number
  /** Most bytes of disk for a compacted segment; less than `segmentBytes` while the disk is nearly full. */
  readonly roomBytes: number
  /** Returns true if the segment must not be compacted now, because that has failed lately. */
  readonly isHeld: (segment: string) => boolean
}

/** Neighbours to be written again as one segment. */
export interface CompactionPlan {
  readonly sources: readonly string[]
  /** Bytes of the files that are replaced. */
  readonly fileBytes: number
  /** Estimated bytes of the new file. */
  readonly targetBytes: number
  /** Freed bytes for each written byte, to choose among the plans of owners. */
  readonly worth: number
}

export interface SegmentPlan {
  /** Runs of neighbours without wanted records. */
  readonly drop: readonly (readonly string[])[]
  readonly compact: CompactionPlan | undefined
}

/** Makes the plan for sealed segments, oldest first; `undefined` stands for one that is not surveyed, which stays. */
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

  /** Adds a segment; returns false if it is neither sparse nor small, or does not fit with the others. */
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

  /** Freed bytes for each written byte, where each file less counts as some bytes; 0 if it does not pay. */
  get worth(): number {
    if (!this.#halves && !this.#merges) return 0
    const freed = this.fileBytes - this.targetBytes + (this.#count - 1) * this.#leastBytes
    return freed / (this.targetBytes + this.#leastBytes)
  }

  get #halves(): boolean {
    return this.targetBytes * 2 < this.fileBytes
  }

  /** True if the new file is at least twice as large as each source: so a byte is written again only a few times in all. */
  get #merges(): boolean {
    const hasRoom = this.#options.roomBytes >= this.#options.segmentBytes
    return hasRoom && this.#areSmall && this.#count >= MERGED_MIN && this.#heaviest * 2 <= this.#weight
  }
}
