// When a supervised child is given up, and when it is started again. Runs in the controller; pure. The first restart
// comes almost at once, because most crashes do not repeat; the delay doubles for a child that keeps failing, so that it
// neither fills the log nor takes the processor from healthy children.

/** The delay between the end of a child and its next start. */
export interface RestartDelays {
  readonly firstDelayMs: number
  readonly delayMsMax: number
  /** A child that served for this long starts over with the first delay: its earlier failures are taken as unrelated. */
  readonly stableAfterMs: number
}

/** How often a child is asked for a sign of life, and when it is given up. */
export interface HeartbeatPolicy {
  readonly intervalMs: number
  /** A child is given up after this many intervals in a row without an answer. */
  readonly silentIntervalsMax: number
  /** A child is given up after this many answers in a row that say that it is stuck. */
  readonly stuckAnswersMax: number
}

export interface SupervisionPolicy {
  /** A child that is not ready this long after its launch is killed. */
  readonly startDeadlineMs: number
  /** A child that has not ended this long after the deadline of its drain is killed. */
  readonly closeGraceMs: number
  readonly backoff: RestartDelays
  /** Absent for a child that is only watched for its end. */
  readonly heartbeat?: HeartbeatPolicy
}

/** Returns failures in a row, this one included. `servedMs` is null for a child that ended before it was ready. */
export function failuresInARow(
  before: number,
  servedMs: number | null,
  { stableAfterMs }: RestartDelays,
): number {
  return servedMs !== null && servedMs >= stableAfterMs ? 1 : before + 1
}

/**
 * Returns the delay of the next restart. It doubles with each failure up to a limit. `chance`, from 0 to below 1, decides
 * its upper half, so that children which ended together do not start in step.
 */
export function restartDelayMs(failures: number, chance: number, backoff: RestartDelays): number {
  const delayMs = Math.min(backoff.delayMsMax, backoff.firstDelayMs * 2 ** (failures - 1))
  return Math.round(delayMs / 2 + (delayMs / 2) * chance)
}
