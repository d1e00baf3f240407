// Sealed segments as lists of batches, with which plans of retention are compared.
// Numbers of a shard rise without a gap from segment to segment, and a horizon is where a batch begins, as in storage.
import type { SegmentSpan, Survey } from '../../../../broker/threads/maintenance-contract.ts'
import {
  measureSegment,
  planSegments,
  type SegmentPlan,
  type WantedShards,
} from '../../../../broker/host/retention/retention-plan.ts'

export interface ModelBatch {
  readonly slot: number
  readonly base: number
  readonly next: number
  readonly bytes: number
}

export interface ModelSegment {
  readonly name: string
  readonly batches: readonly ModelBatch[]
}

export interface ModelWanted extends WantedShards {
  readonly horizons: Map<number, number>
  readonly refused: Set<number>
}

/** Bytes of a file beside its batches. */
const FILE_BYTES = 3

export function fileBytesOf({ batches }: ModelSegment): number {
  let bytes = FILE_BYTES
  for (const batch of batches) bytes += batch.bytes
  return bytes
}

export function surveyOf(segment: ModelSegment): Survey {
  const spans: { -readonly [K in keyof SegmentSpan]: SegmentSpan[K] }[] = []
  for (const { slot, base, next, bytes } of segment.batches) {
    const span = spans.find((known) => known.slot === slot)
    if (!span) spans.push({ slot, first: base, next, firstArrival: base, lastArrival: next, bytes })
    else {
      span.next = next
      span.lastArrival = next
      span.bytes += bytes
    }
  }
  return { segment: segment.name, fileBytes: fileBytesOf(segment), spans }
}

export function isWanted({ slot, next }: ModelBatch, { horizons, refused }: WantedShards): boolean {
  if (refused.has(slot)) return true
  const horizon = horizons.get(slot)
  return horizon !== undefined && next > horizon
}

export function planFor(
  segments: readonly ModelSegment[],
  wanted: WantedShards,
  options: { segmentBytes: number; roomBytes?: number; isHeld?: (name: string) => boolean },
): SegmentPlan {
  const measures = segments.map((segment) => measureSegment(surveyOf(segment), wanted))
  return planSegments(measures, { roomBytes: Infinity, isHeld: () => false, ...options })
}

let made = 0

/** Returns the segments after a plan was carried out; compaction keeps batches by their horizon alone. */
export function carryOut(
  segments: readonly ModelSegment[],
  { drop, compact }: SegmentPlan,
  { horizons }: WantedShards,
): ModelSegment[] {
  const dropped = new Set(drop.flat())
  const left = segments.filter(({ name }) => !dropped.has(name))
  if (!compact) return left
  const at = left.findIndex(({ name }) => name === compact.sources[0])
  const sources = left.splice(at, compact.sources.length)
  const batches = sources
    .flatMap((source) => source.batches)
    .filter(({ slot, next }) => next > (horizons.get(slot) ?? Infinity))
  left.splice(at, 0, { name: `compacted-${++made}`, batches })
  return left
}

/** Makes a small generator of numbers, which repeats for the same seed. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Makes a few segments with batches of a few shards. */
export function someSegments(random: (below: number) => number): ModelSegment[] {
  const slots = 1 + random(3)
  const next = Array.from({ length: slots }, () => random(3))
  return Array.from({ length: 1 + random(8) }, (_, i) => {
    const batches = Array.from({ length: random(5) }, () => {
      const slot = random(slots)
      const base = next[slot]!
      next[slot] = base + 1 + random(3)
      return { slot, base, next: next[slot], bytes: 1 + random(i % 2 === 0 ? 4 : 40) }
    })
    return { name: `segment-${i}`, batches }
  })
}

/** Makes the horizons for them: some shards are forgotten, some expired in part, some refused. */
export function someWanted(
  segments: readonly ModelSegment[],
  random: (below: number) => number,
): ModelWanted {
  const places = new Map<number, number[]>()
  for (const { batches } of segments) {
    for (const { slot, base, next } of batches) {
      const ofSlot = places.get(slot)
      if (ofSlot) ofSlot.push(next)
      else places.set(slot, [base, next])
    }
  }
  const horizons = new Map<number, number>()
  const refused = new Set<number>()
  for (const [slot, numbers] of places) {
    const lot = random(10)
    if (lot === 0) refused.add(slot)
    else if (lot > 2) horizons.set(slot, numbers[random(numbers.length)]!)
  }
  return { horizons, refused }
}
