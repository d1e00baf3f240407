// Estimates how much of a span of records is readable, from its ends. Any thread, pure.

/** Sequence numbers `first` … `next` − 1 of one shard, and the bytes of their batches. */
export interface MeasuredSpan {
  readonly first: number
  readonly next: number
  readonly bytes: number
}

/** Returns how many bytes of a span are at or above a horizon, by interpolation; 0 only if none is. */
export function liveBytesOf({ first, next, bytes }: MeasuredSpan, horizon: number): number {
  if (horizon <= first) return bytes
  if (horizon >= next) return 0
  return Math.max(1, Math.round((bytes * (next - horizon)) / (next - first)))
}
