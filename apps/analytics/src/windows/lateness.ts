// SQL about rows that come when results of their windows are written already, and count still. Pure.
//
//                      cutoff                 watermark
//   windows end   ---------|---------|---------|---------|--->  event time
//                 final    | written, and given |  not written yet
//                          | again with rows    |
//                          |<---- lateness ---->|
//
// Only of windows whose rows decide on no others: TUMBLE, HOP, CUMULATE. Windows that ended before `millrace_since` (a variable,
// TIMESTAMP, of the watermark at which rows were first held for so long) are final too: not all of their rows are held.
import type { PlannedWindow } from '../plan/query-plan.ts'
import { minus, until } from './window-sql.ts'
import { alignedStart, intervalOf, lastEnd } from './window.ts'

/** Returns SQL of the moment up to which the results of windows that end then are final. */
export function cutoff(lateness: number): string {
  return lateness === 0 ? until : `greatest(${minus(until, lateness)}, getvariable('millrace_since'))`
}

/** Returns SQL of the latest moment at or before a time at which windows begin and end. */
export function stepStart({ size, step = size, offset }: PlannedWindow, time: string): string {
  return alignedStart(time, step, offset)
}

/** Returns SQL of whether a window of a row of this time is written already, and not final. */
export function countsAgain(window: PlannedWindow, time: string, lateness: number): string {
  const { size, step = size } = window
  const firstEnd = `${stepStart(window, time)} + ${intervalOf(step)}`
  const lastWritten = `least(${stepStart(window, until)}, ${lastEnd(window, time)})`
  return `${firstEnd} <= ${until} AND ${lastWritten} > ${cutoff(lateness)}`
}
