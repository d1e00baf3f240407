// The bounds of tumbling windows: multiples of their length, by arrival time. Runs anywhere, pure.

/** The beginning of the window in which a moment lies; both in milliseconds. */
export function windowStart(at: number, lengthMs: number): number {
  return Math.floor(at / lengthMs) * lengthMs
}
