// How the directory of a segment is named: by its number in the chain and, where it was compacted, by its generation. Runs
// wherever storage names one, pure. Within a directory the name is the identity: it is never given twice to different
// content, so whoever remembers something of a sealed segment may do so by name.
import { join } from 'node:path'

const NAME = /^segment-(\d{10})(?:-([1-9]\d{0,8}))?$/

export interface SegmentName {
  /** Its place in the chain: a compacted segment has the one of its newest source. */
  readonly number: number
  /** 0 for one that took appends, and 1 above the highest of its sources for a compacted one. */
  readonly generation: number
}

export function formatSegmentName({ number, generation }: SegmentName): string {
  const name = `segment-${String(number).padStart(10, '0')}`
  return generation === 0 ? name : `${name}-${generation}`
}

/** Undefined for a name that is no segment's. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = NAME.exec(name)
  return match ? { number: Number(match[1]), generation: Number(match[2] ?? 0) } : undefined
}

export function segmentPath(directory: string, name: string): string {
  return join(directory, name)
}
