// How much of a span of records is readable, as far as its ends tell. Any thread, pure.

/** Numbers first … next of one shard, and the bytes of their batches. */
export interface MeasuredSpan {
  readonly first: number
  readonly next: number
  readonly bytes: number
}

/** How much of a span is at or above a horizon, by interpolation; 0 only where nothing is. */
export function liveBytesOf({ first, next, bytes }: MeasuredSpan, horizon: number): number {
  if (horizon <= first) return bytes
  if (horizon >= next) return 0
  return Math.max(1, Math.round((bytes * (next - horizon)) / (next - first)))
}
