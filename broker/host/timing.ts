// When things run in a host: after a time, and at the end of the current event-loop turn. Host main thread.
// Work at the end of a turn sees all that the turn brought: one append call holds every batch that arrived, one wake
// serves every batch that was flushed, with no timer between.
import { systemTime, type Time } from '../time.ts'

export interface Timing extends Time {
  /** Runs `task` once, after everything that this turn of the event loop brings, in the order of the calls. */
  atTurnEnd(task: () => void): void
}

/** The real turns: setImmediate runs right after the poll phase that delivered sockets' and owners' messages. */
export function realTiming(time: Time = systemTime): Timing {
  let tasks: (() => void)[] = []
  const runAll = (): void => {
    const due = tasks
    tasks = [] // what a task schedules runs in the next turn
    for (const task of due) task()
  }
  return {
    ...time,
    atTurnEnd: (task) => {
      if (tasks.push(task) === 1) setImmediate(runAll)
    },
  }
}
