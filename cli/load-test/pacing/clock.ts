// The clock of load tests: monotonic, in fractional milliseconds, and the same in all processes and threads of a machine, so
// that one may compare its times with those of another.

export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
