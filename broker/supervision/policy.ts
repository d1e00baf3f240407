// How a child process is kept running: when it is given up, and when it is started again. Runs in the controller; pure.
// The first restart comes at once, because a crash is usually the only one; a child that keeps failing backs off, so that it
// neither fills the log nor takes the processor from those that work.

/** Between an end and the next start. */
export interface Backoff {
  readonly firstDelayMs: number
  readonly delayMsMax: number
  /** A child that served for so long starts over: what ended it has little to do with what ended it before. */
  readonly stableAfterMs: number
}

/** How a child is asked for signs of life. */
export interface HeartbeatPolicy {
  readonly intervalMs: number
  /** A child that answered nothing for so many intervals in a row is given up. */
  readonly silentIntervalsMax: number
  /** A child that answers so many times in a row that it is stuck is given up as well. */
  readonly stuckAnswersMax: number
}

export interface SupervisionPolicy {
  /** A child that is not ready by then is killed. */
  readonly startDeadlineMs: number
  /** What a child may take to end after the deadline of its drain; then it is killed. */
  readonly closeGraceMs: number
  readonly backoff: Backoff
  /** Absent for a child that is only watched for its end. */
  readonly heartbeat?: HeartbeatPolicy
}

/** Failures in a row, this one included. `servedMs` is null for a child that ended before it was ready. */
export function failuresInARow(before: number, servedMs: number | null, { stableAfterMs }: Backoff): number {
  return servedMs !== null && servedMs >= stableAfterMs ? 1 : before + 1
}

/**
 * Doubles with each failure up to a limit; the upper half is chance, from 0 to below 1, so that children which ended together do
 * not start in step.
 */
export function restartDelayMs(failures: number, chance: number, backoff: Backoff): number {
  const delayMs = Math.min(backoff.delayMsMax, backoff.firstDelayMs * 2 ** (failures - 1))
  return Math.round(delayMs / 2 + (delayMs / 2) * chance)
}
