// The clock of the bench: monotonic, in milliseconds with fractions, and the same in every process and thread of one
// machine, so that a time taken by a producer's process can be compared in a subscriber's.

export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
