// Time as the controller uses it: a clock, a stopwatch, and timers. Runs in the controller; tests give their own.

export interface Timers {
  /** Milliseconds since the epoch: for what is shown and stored. It may jump. */
  now(): number
  /** Milliseconds since some moment, never backwards: for durations. */
  elapsed(): number
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void
  /**
   * Runs `task` every `everyMs` until cancelled, without keeping the process alive. What was missed while the process was
   * suspended is not made up for.
   */
  every(everyMs: number, task: () => void): () => void
}

export const systemTimers: Timers = {
  now: Date.now,
  elapsed: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
  every: (everyMs, task) => {
    const timer = setInterval(task, everyMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}

/** Settles as `promise` does, or rejects with `late()` when that takes longer than `deadlineMs`: mostly a call of a host. */
export function withDeadline<T>(
  promise: Promise<T>,
  timers: Timers,
  deadlineMs: number,
  late = () => new Error('the host took too long'),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(deadlineMs, () => reject(late()))
    promise.finally(cancel).then(resolve, reject)
  })
}

/** Fulfils after `delayMs`. */
export function pause(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delayMs, resolve)
  })
}
