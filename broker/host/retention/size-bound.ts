// Which records go when a stream is larger than it may be: the oldest, whichever shard they are in. Any thread, pure.
// It goes by spans of sealed segments; in the last one that is touched the number is interpolated. The active segment is left
// alone: what cannot be removed from the disk yet may as well be read.
import type { SegmentSpan } from '../../threads/maintenance-contract.ts'
import type { ShardHorizon } from '../../threads/owner-contract.ts'
import { liveBytesOf } from './retention-plan.ts'

export interface SizeBound {
  /** Bytes that are to go, at least. */
  readonly excessBytes: number
  /** Spans of the stream's shards in sealed segments; those of one shard in their order. */
  readonly spans: readonly SegmentSpan[]
  /** Oldest readable number by slot: of every shard that has spans. */
  readonly horizons: ReadonlyMap<number, number>
}

export interface SizeTrim extends ShardHorizon {
  /** The number is an estimate within a span, and may lie within a batch. */
  readonly isEstimate: boolean
}

/** The horizons that bring the stream below its bound, or as near as sealed segments allow. */
export function planSizeTrims({ excessBytes, spans, horizons }: SizeBound): readonly SizeTrim[] {
  const trims = new Map<number, SizeTrim>()
  let excess = excessBytes
  // The sort is stable, and arrival times never fall: the spans of one shard stay in their order.
  for (const span of spans.toSorted((a, b) => a.lastArrival - b.lastArrival)) {
    if (excess <= 0) break
    const { slot, next } = span
    const from = Math.max(horizons.get(slot) ?? next, span.first)
    const bytes = liveBytesOf(span, from)
    if (bytes === 0) continue
    const isEstimate = bytes > excess
    const trimHorizon = isEstimate ? from + Math.ceil(((next - from) * excess) / bytes) : next
    trims.set(slot, { slot, trimHorizon, isEstimate: isEstimate && trimHorizon < next })
    excess -= bytes
  }
  return [...trims.values()]
}

/** A shard's part of the hash keys, both ends within it, as 128-bit numbers in 32-bit words. */
export interface CoveredRange {
  readonly rangeStart: Uint32Array
  readonly rangeEnd: Uint32Array
}

/**
 * What part of all hash keys lies in one of the ranges: a host that serves a part of a stream holds it to that part of the
 * stream's bound.
 */
export function coveredPart(ranges: readonly CoveredRange[]): number {
  const parts = ranges
    .map(({ rangeStart, rangeEnd }) => ({ start: fraction(rangeStart, 0), end: fraction(rangeEnd, 1) }))
    .toSorted((a, b) => a.start - b.start)
  let covered = 0
  let reached = 0
  for (const { start, end } of parts) {
    if (end <= reached) continue
    covered += end - Math.max(start, reached)
    reached = end
  }
  return Math.min(1, covered)
}

const WORD = 2 ** 32

/** A hash key's place between 0 and 1, by its first 64 bits; `step` steps of that size higher. */
function fraction(words: Uint32Array, step: number): number {
  return (words[0]! + (words[1]! + step) / WORD) / WORD
}
