// When the active segment is sealed before it is full, so that what is dead in it can go. Any thread, pure.

const MIB = 1024 * 1024

/** Less than this is not worth a segment. */
const DEAD_BYTES_MIN = 16 * MIB

/** A shard's batches in the active segment. */
export interface ActiveSpan {
  readonly bytes: number
  readonly lastArrivalTime: number
  /** What arrived before this has expired. */
  readonly cutoff: number
}

/** Bytes that have expired, taken for granted that a shard's batches arrived evenly since `since`. */
export function expiredBytesOf({ bytes, lastArrivalTime, cutoff }: ActiveSpan, since: number): number {
  if (lastArrivalTime < cutoff) return bytes
  if (cutoff <= since) return 0
  return (bytes * (cutoff - since)) / (lastArrivalTime - since + 1)
}

export interface ActiveSegment {
  readonly bytes: number
  readonly deadBytes: number
  readonly ageMs: number
}

/** True where the segment has reached its age, or most of it is dead. */
export function isDueToRoll({ bytes, deadBytes, ageMs }: ActiveSegment, segmentAgeMs: number): boolean {
  return ageMs >= segmentAgeMs || (deadBytes > DEAD_BYTES_MIN && deadBytes * 2 > bytes)
}
