// Decides when the active segment is sealed before it is full, so that expired records in it can go. Any thread, pure.

const MIB = 1024 * 1024

/** Fewest expired bytes for which the segment is sealed. */
const DEAD_BYTES_MIN = 16 * MIB

/** A shard's batches in the active segment. */
export interface ActiveSpan {
  readonly bytes: number
  readonly lastArrivalTime: number
  /** Records that arrived before this time have expired. */
  readonly cutoff: number
}

/** Returns the bytes that have expired, on the assumption that the batches arrived evenly since `since`. */
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

/** Returns true if the segment has reached its age, or most of it has expired. */
export function isDueToRoll({ bytes, deadBytes, ageMs }: ActiveSegment, segmentAgeMs: number): boolean {
  return ageMs >= segmentAgeMs || (deadBytes > DEAD_BYTES_MIN && deadBytes * 2 > bytes)
}
