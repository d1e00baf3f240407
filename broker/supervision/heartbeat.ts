// Finds out whether a child still answers. Runs in the controller.
// The channel closes when a child ends, but not when it hangs, and then its callers would wait for ever. So the child is
// asked for a sign of life at every interval. Silence is counted in intervals of this process, not in time: a controller
// that was suspended itself counts one interval, however long the suspension was.
import type { Time } from '../time.ts'

/** A child's answer to a heartbeat. */
export interface SignOfLife {
  /** A sentence that says what is wrong with the child although it answers; null where nothing is wrong. */
  readonly trouble: string | null
  /** True if the child is in trouble and has made no progress since the last heartbeat. */
  readonly isStuck: boolean
}

export interface HeartbeatOptions {
  readonly ping: () => Promise<SignOfLife>
  readonly time: Pick<Time, 'every'>
  readonly intervalMs: number
  readonly onAnswer: (sign: SignOfLife) => void
  /** Called after each interval without an answer, with the number of such intervals in a row. */
  readonly onSilence: (intervals: number) => void
}

/** Asks at every interval, from now on. Returns a function that stops it; no callback is called after that. */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  const { ping, time, intervalMs, onAnswer, onSilence } = options
  let isWaiting = false
  let silentIntervals = 0
  let isStopped = false

  const ask = (): void => {
    isWaiting = true
    ping().then(
      (sign) => {
        isWaiting = false
        silentIntervals = 0
        if (!isStopped) onAnswer(sign)
      },
      // A failed call counts as silence, not as the child's end: a process may outlive its channel.
      () => {},
    )
  }
  // One question at a time: unanswered ones would pile up in the channel of a child that does not read.
  const cancel = time.every(intervalMs, () => {
    if (isWaiting) onSilence(++silentIntervals)
    else ask()
  })
  ask()
  return () => {
    isStopped = true
    cancel()
  }
}
