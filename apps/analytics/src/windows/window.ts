// The kinds of windows, and where each begins and ends. Pure.
import type { PlannedWindow } from '../plan/query-plan.ts'

/** How many windows of STAGGER follow one another before they begin anew, at a full multiple of that time. */
export const STAGGER_CHAIN_WINDOWS = 6

/** Columns that windows add, in order. */
export const windowColumns = ['window_start', 'window_end', 'window_time'] as const

/** Returns SQL of an interval. */
export function intervalOf(microseconds: number): string {
  return `to_microseconds(${microseconds})`
}

/** Returns SQL of the latest full multiple of a length, counted from 1970 and an offset, at or before a time. */
export function alignedStart(time: string, length: number, offset: number): string {
  const within = ((offset % length) + length) % length
  return `time_bucket(${intervalOf(length)}, ${time}, make_timestamp(${within}))`
}

/** Returns SQL of the end of the last window of a row; of a session, of one that the row is alone in. */
export function lastEnd({ kind, size, step = size, offset }: PlannedWindow, time: string): string {
  switch (kind) {
    case 'tumble':
    case 'cumulate':
      return `${alignedStart(time, size, offset)} + ${intervalOf(size)}`
    case 'hop':
      return `${alignedStart(time, step, offset)} + ${intervalOf(size)}`
    case 'session':
      return `${time} + ${intervalOf(size)}`
    case 'stagger':
      return chainEnd(time, size)
  }
}

/** Returns SQL of where the chain of a row's windows of STAGGER ends. */
export function chainEnd(time: string, size: number): string {
  const length = size * STAGGER_CHAIN_WINDOWS
  return `${alignedStart(time, length, 0)} + ${intervalOf(length)}`
}
