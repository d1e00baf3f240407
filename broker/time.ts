// Time as the broker uses it: a clock, a monotonic stopwatch, timers, and turns of the event loop. Runs anywhere in the
// broker. Injected, so that tests can control it. Code that needs only a part takes it by the same name: `now`, `elapsed`.

export type Clock = () => number

export interface Time {
  /** Milliseconds since the epoch: for what is shown, stored, or compared with arrival times. It may jump. */
  readonly now: Clock
  /** Milliseconds since some moment, never backwards: for durations and deadlines. */
  readonly elapsed: Clock
  /** Runs `task` once after `delayMs`; returns a function that cancels it. */
  after(delayMs: number, task: () => void): () => void
  /**
   * Runs `task` every `everyMs` until the returned function is called, without keeping the process alive. Runs that were
   * missed while the process was suspended are not made up for.
   */
  every(everyMs: number, task: () => void): () => void
  /**
   * Runs `task` once at the end of this turn of the event loop; tasks run in the order of the calls. A task sees everything
   * that the turn brought: one append call holds every batch that arrived, one wake serves every batch that was flushed,
   * without a timer in between.
   */
  atTurnEnd(task: () => void): void
}

/** Returns a Time with the same timers and another clock. */
export function timeBy(time: Time, now: Clock): Time {
  return {
    now,
    elapsed: () => time.elapsed(),
    after: (delayMs, task) => time.after(delayMs, task),
    every: (everyMs, task) => time.every(everyMs, task),
    atTurnEnd: (task) => time.atTurnEnd(task),
  }
}

/** Real time, and the real turns of the event loop. */
export const systemTime: Time = {
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
  atTurnEnd: endsOfTurns(),
}

/** setImmediate runs right after the poll phase that delivered messages of sockets and threads. */
function endsOfTurns(): Time['atTurnEnd'] {
  let tasks: (() => void)[] = []
  const runAll = (): void => {
    const due = tasks
    tasks = [] // what a task schedules runs in the next turn
    for (const task of due) task()
  }
  return (task) => {
    if (tasks.push(task) === 1) setImmediate(runAll)
  }
}

/** Settles as `promise` does, or rejects with `late()` when that takes longer than `deadlineMs`. Mostly for host calls. */
export function withDeadline<T>(
  promise: Promise<T>,
  time: Time,
  deadlineMs: number,
  late = () => new Error('the host took too long'),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = time.after(deadlineMs, () => reject(late()))
    promise.finally(cancel).then(resolve, reject)
  })
}

/** Fulfils after `delayMs`. */
export function pause(time: Time, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    time.after(delayMs, resolve)
  })
}
