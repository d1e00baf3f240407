// Limits how often a message is printed that may occur a thousand times a second. Pure, except that the clock is given.

/** Shortest time between two printed lines. */
const INTERVAL_MS = 10_000

/** Prints the first line, and then drops lines until INTERVAL_MS have passed. */
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
