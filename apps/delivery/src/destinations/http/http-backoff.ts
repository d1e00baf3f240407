// When an HTTP endpoint is tried again: as Firehose does, after 1 s, 2 s, 4 s … up to two minutes, give or take 15 %. Pure.

const FIRST_MS = 1000
const LONGEST_MS = 120_000
const JITTER = 0.15

/** Milliseconds to wait behind a failed attempt: `attempts` of them were made. `random` is within [0, 1). */
export function backoffMs(attempts: number, random: number): number {
  const plain = Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS)
  return Math.min(plain * (1 + JITTER * (2 * random - 1)), LONGEST_MS)
}
