// Something that may happen a thousand times a second, said once in a while. Pure but for the clock, which a test brings.

/** People are told no more often. */
const INTERVAL_MS = 10_000

/** Says the first line, and then none until some seconds have passed; what comes in between is left out. */
export function seldom(
  say: (line: string) => void,
  monotonic: () => number = () => performance.now(),
): (line: string) => void {
  let saidAt = -Infinity
  return (line) => {
    const now = monotonic()
    if (now - saidAt < INTERVAL_MS) return
    saidAt = now
    say(line)
  }
}
