// The clock of the bench: monotonic, in fractional milliseconds, and the same in all processes and threads of a machine, so
// that a subscriber's process can compare times of a producer's process.

export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
