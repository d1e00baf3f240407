// When things run: the end of the current event-loop turn, and after a time. Host main thread.
// Injected, so that a test or a simulation drives it. Work at the end of a turn sees all that the turn brought: one
// append call holds every batch that arrived, one wake serves every batch that was flushed, with no timer between.

export type Clock = () => number

export interface Timing {
  /** Milliseconds since the epoch: for what is compared with arrival times. It may jump. */
  readonly clock: Clock
  /** Milliseconds since some moment, never backwards: for durations and deadlines. */
  readonly elapsed: Clock
  /** Runs `task` once, after everything that this turn of the event loop brings, in the order of the calls. */
  atTurnEnd(task: () => void): void
  /** Runs `task` once after `ms`; the function returned cancels it. */
  after(ms: number, task: () => void): () => void
  /** Runs `task` every `ms` until cancelled, without keeping the process alive. */
  every(ms: number, task: () => void): () => void
}

/** The real thing: setImmediate runs right after the poll phase that delivered sockets' and owners' messages. */
export function realTiming(clock: Clock = Date.now, elapsed: Clock = () => performance.now()): Timing {
  let tasks: (() => void)[] = []
  const runAll = (): void => {
    const due = tasks
    tasks = [] // what a task schedules runs in the next turn
    for (const task of due) task()
  }
  return {
    clock,
    elapsed,
    atTurnEnd: (task) => {
      if (tasks.push(task) === 1) setImmediate(runAll)
    },
    after: (ms, task) => {
      const timer = setTimeout(task, ms)
      return () => clearTimeout(timer)
    },
    every: (ms, task) => {
      const timer = setInterval(task, ms)
      timer.unref()
      return () => clearInterval(timer)
    },
  }
}
