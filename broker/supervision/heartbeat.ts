// Whether a child still answers. Runs in the controller.
// A child that has ended says so by its channel; one that hangs says nothing, and whatever has asked it something waits with
// it. So it is asked for a sign of life all the time. Silence is counted in intervals that this process has seen, not in
// time: a controller that was suspended itself finds one interval gone, however long it was away.
import type { Time } from '../time.ts'

/** A child's answer to a heartbeat. */
export interface SignOfLife {
  /** What is wrong with it although it answers, in words; null where nothing is. */
  readonly trouble: string | null
  /** It is in trouble, and has done nothing since it was asked last. */
  readonly isStuck: boolean
}

export interface HeartbeatOptions {
  readonly ping: () => Promise<SignOfLife>
  readonly time: Pick<Time, 'every'>
  readonly intervalMs: number
  readonly onAnswer: (sign: SignOfLife) => void
  /** One more interval has passed without an answer: so many in a row. */
  readonly onSilence: (intervals: number) => void
}

/** Asks from now on, until the function that it gives is called; then it tells nothing more. */
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
      // No answer is no sign of life, whatever became of the question: a process may outlive its channel.
      () => {},
    )
  }
  // One question at a time: it waits in the channel for as long as the child does not read.
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
