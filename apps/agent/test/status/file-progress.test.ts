// The watchdog: a file that has more and does not move is told once, with its reason, and once more when it moves again.
import { describe, expect, it } from 'vitest'
import type { FileStatus } from '../../src/files/file-status.ts'
import { FileProgress } from '../../src/status/file-progress.ts'

function status(confirmedOffset: number, size: number, more: Partial<FileStatus> = {}): FileStatus {
  return {
    path: '/logs/a.log',
    file: '1-2-1',
    size,
    offset: size,
    confirmedOffset,
    lagBytes: size - confirmedOffset,
    modifiedAt: 0,
    state: 'reading',
    reason: 'Reading.',
    ...more,
  }
}

const SECOND_MS = 1000

describe('FileProgress', () => {
  it('tells once that a file stands, and once that it moves again', () => {
    const progress = new FileProgress(30 * SECOND_MS)
    const look = (second: number, confirmed: number, size: number) =>
      progress.look([status(confirmed, size)], second * SECOND_MS).map(({ stands }) => stands)
    expect(look(0, 0, 10)).toEqual([])
    expect(look(29, 0, 20)).toEqual([])
    expect(look(30, 0, 30)).toEqual([true])
    expect(progress.files[0]!.standsSince).toBe(0)
    expect(look(60, 0, 40)).toEqual([])
    expect(look(61, 5, 40)).toEqual([false])
    expect(look(90, 5, 40)).toEqual([])
    expect(look(91, 5, 40)).toEqual([true])
  })

  it('never calls a file standing of which everything is delivered', () => {
    const progress = new FileProgress(30 * SECOND_MS)
    const current = { state: 'current', reason: 'Everything is read.' } as const
    expect(progress.look([status(10, 10, current)], 0)).toEqual([])
    expect(progress.look([status(10, 10, current)], 3_600 * SECOND_MS)).toEqual([])
    // What comes then has its time from then on.
    expect(progress.look([status(10, 20)], 3_601 * SECOND_MS)).toEqual([])
    expect(progress.look([status(10, 20)], 3_631 * SECOND_MS)).toHaveLength(1)
  })

  it('measures rates over ten seconds, and forgets files that are gone', () => {
    const progress = new FileProgress(30 * SECOND_MS)
    for (let second = 0; second <= 20; second += 5)
      progress.look([status(second * 100, 10_000)], second * SECOND_MS)
    expect(progress.files[0]!.bytesPerSecond).toBe(100)
    progress.look([], 25 * SECOND_MS)
    expect(progress.files).toEqual([])
    progress.look([status(9_000, 10_000)], 26 * SECOND_MS)
    expect(progress.files[0]!.bytesPerSecond).toBe(0)
  })

  it('calls no file standing for a last line without an end, and one that cannot be read', () => {
    const progress = new FileProgress(30 * SECOND_MS)
    const half = status(10, 15, {
      offset: 10,
      state: 'line-end',
      reason: 'The record at byte 10 has no end yet.',
    })
    expect(progress.look([half], 0)).toEqual([])
    expect(progress.look([half], 3_600 * SECOND_MS)).toEqual([])
    const unreadable = status(0, 0, {
      path: '/logs/b.log',
      file: undefined,
      state: 'unreadable',
      reason: 'EACCES',
    })
    expect(progress.look([unreadable], 3_600 * SECOND_MS)).toEqual([])
    expect(progress.look([unreadable], 3_630 * SECOND_MS).map(({ stands }) => stands)).toEqual([true])
  })

  it('shows since when by the clock on the wall, however that was set meanwhile', () => {
    const progress = new FileProgress(30 * SECOND_MS)
    const read = status(0, 10, { state: 'destination', reason: 'The stream is gone.' })
    progress.look([read], 0, 5_000_000)
    progress.look([read], 40 * SECOND_MS, 1_000_000)
    expect(progress.files[0]!.standsSince).toBe(1_000_000 - 40 * SECOND_MS)
  })

  it('calls a file standing that was read to its end and whose records no destination takes', () => {
    const progress = new FileProgress(30 * SECOND_MS)
    const read = status(0, 10, { state: 'current', reason: 'Everything is read.' })
    progress.look([read], 0)
    expect(progress.look([read], 30 * SECOND_MS).map(({ stands }) => stands)).toEqual([true])
  })
})
