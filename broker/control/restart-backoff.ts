// When a host that ended is started again. Runs in the controller; pure.
// The first restart comes at once, because a crash is usually the only one; a host that keeps failing backs off, so
// that it neither fills the log nor takes the processor from the hosts that work.

const FIRST_DELAY_MS = 50
const DELAY_MS_MAX = 10_000
/** A host that served for so long starts over: what ended it has little to do with what ended it before. */
export const HEALTHY_AFTER_MS = 30_000

/** Failures in a row, this one included. `null` for a host that ended before it was ready. */
export function failuresInARow(before: number, servedMs: number | null): number {
  return servedMs !== null && servedMs >= HEALTHY_AFTER_MS ? 1 : before + 1
}

/** Doubles with each failure up to a limit; the upper half is chance, so that hosts do not start in step. */
export function restartDelayMs(failures: number, random: () => number): number {
  const delayMs = Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** (failures - 1))
  return delayMs / 2 + (delayMs / 2) * random()
}
