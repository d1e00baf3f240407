// Whether a host still answers. Runs in the controller.
// A host that has ended says so by its channel; one that hangs says nothing, and whoever has asked it something waits with
// it. So it is asked for a sign of life all the time. Silence is counted in intervals that this process has seen, not in
// time: a controller that was suspended itself finds one interval gone, however long it was away.
import type { HostCalls } from '../host-contract.ts'
import type { Time } from '../time.ts'

/** Between two questions to a host. */
export const HEARTBEAT_INTERVAL_MS = 5_000
/** A host that answered nothing for so many intervals in a row is given up: 30 seconds. A slow disk does not silence it. */
export const SILENT_INTERVALS_MAX = 6
/**
 * A host that answers, and says so many times in a row that one of its owners does nothing, is given up as well: 2 minutes.
 * Disks that come back have done so by then; a thread that hangs never does, and what is in doubt with it stays so for ever.
 */
export const STUCK_ANSWERS_MAX = 24

type Pong = HostCalls['ping']['reply']

export interface HeartbeatOptions {
  readonly ping: () => Promise<Pong>
  readonly time: Pick<Time, 'every'>
  readonly onAnswer: (pong: Pong) => void
  /** One more interval has passed without an answer: so many in a row. */
  readonly onSilence: (intervals: number) => void
}

/** Asks from now on, until the function that it gives is called; then it tells nothing more. */
export function startHeartbeat({ ping, time, onAnswer, onSilence }: HeartbeatOptions): () => void {
  let isWaiting = false
  let silentIntervals = 0
  let isStopped = false

  const ask = (): void => {
    isWaiting = true
    ping().then(
      (pong) => {
        isWaiting = false
        silentIntervals = 0
        if (!isStopped) onAnswer(pong)
      },
      // No answer is no sign of life, whatever became of the question: a process may outlive its channel.
      () => {},
    )
  }
  // One question at a time: it waits in the channel for as long as the host does not read.
  const cancel = time.every(HEARTBEAT_INTERVAL_MS, () => {
    if (isWaiting) onSilence(++silentIntervals)
    else ask()
  })
  ask()
  return () => {
    isStopped = true
    cancel()
  }
}
