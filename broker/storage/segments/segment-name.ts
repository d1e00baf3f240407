// Names of segment directories: the number in the chain and, for compacted segments, the generation. Runs wherever
// storage names a segment, pure. Within an owner's directory a name is never reused for different content, so anything
// known about a sealed segment may be cached by name.
import { join } from 'node:path'

const NAME = /^segment-(\d{10})(?:-([1-9]\d{0,8}))?$/

export interface SegmentName {
  /** The place in the chain. A compacted segment has the number of its newest source. */
  readonly number: number
  /** 0 for a segment that took appends; for a compacted one, 1 above the highest of its sources. */
  readonly generation: number
}

export function formatSegmentName({ number, generation }: SegmentName): string {
  const name = `segment-${String(number).padStart(10, '0')}`
  return generation === 0 ? name : `${name}-${generation}`
}

/** Undefined if `name` is not a segment's name. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = NAME.exec(name)
  return match ? { number: Number(match[1]), generation: Number(match[2] ?? 0) } : undefined
}

export function segmentPath(directory: string, name: string): string {
  return join(directory, name)
}
