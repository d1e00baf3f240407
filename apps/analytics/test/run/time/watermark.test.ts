// How far event time has come, by what is known of shards.
import { expect, it } from 'vitest'
import {
  crosses,
  cutOf,
  leastOf,
  watermarkOf,
  type Boundaries,
  type TimeSpan,
} from '../../../src/run/time/watermark.ts'

const shard = (latest: number | undefined, isIdle = false) => ({ latest, isIdle })

it.each([
  ['the least of the shards, less the disorder', [shard(100), shard(70)], 10, undefined, 60],
  ['not known before each shard has had a row', [shard(100), shard(undefined)], 0, undefined, undefined],
  ['without a shard that is idle', [shard(100), shard(70, true)], 0, undefined, 100],
  ['without one that is idle and had nothing', [shard(100), shard(undefined, true)], 5, undefined, 95],
  ['the latest of all where all are idle', [shard(100, true), shard(70, true)], 10, undefined, 90],
  ['not known where nothing ever came', [shard(undefined, true)], 0, undefined, undefined],
  ['no less than what is known of all', [shard(100), shard(undefined)], 0, 80, 80],
  ['what is known of all where no shard is read', [], 0, 80, 80],
  ['of shards that are further than what is known of all', [shard(100), shard(90)], 0, 80, 90],
])('is %s', (_, shards, outOfOrder, floor, expected) => {
  expect(watermarkOf({ shards, outOfOrder, floor })).toBe(expected)
})

it('of several inputs, the least counts, once each has one', () => {
  expect(leastOf([5, 3, 4])).toBe(3)
  expect(leastOf([5, undefined])).toBe(undefined)
  expect(leastOf([])).toBe(undefined)
})

it('a window ends between two moments where a boundary lies behind the first and not behind the second', () => {
  const minutes = { length: 60, offset: 0 }
  expect(crosses(minutes, 1, 59)).toBe(false)
  expect(crosses(minutes, 59, 60)).toBe(true)
  expect(crosses(minutes, 60, 119)).toBe(false)
  expect(crosses({ length: 60, offset: 15 }, 60, 74)).toBe(false)
  expect(crosses({ length: 60, offset: 15 }, 74, 75)).toBe(true)
  expect(crosses(minutes, -61, -60)).toBe(true)
})

it('cuts a span in two that both have boundaries, until each piece has one', () => {
  const cases: [TimeSpan, number, Boundaries][] = [
    [{ after: null, until: 1000 }, 37, { length: 100, offset: 3 }],
    [{ after: 203, until: 1003 }, 0, { length: 100, offset: 3 }],
    [{ after: 250, until: 303 }, 290, { length: 100, offset: 3 }],
    [{ after: null, until: 64 }, 1, { length: 1, offset: 0 }],
    [{ after: 5, until: 6 }, 9, { length: 1, offset: 0 }],
  ]
  for (const [span, first, boundaries] of cases) {
    const { length, offset } = boundaries
    const low = Math.max(span.after ?? -Infinity, first - 1)
    const pieces = piecesOf(span, first, boundaries)
    expect(pieces[0]!.after).toBe(span.after)
    expect(pieces.at(-1)!.until).toBe(span.until)
    for (const [at, piece] of pieces.entries()) {
      if (at > 0) expect(piece.after).toBe(pieces[at - 1]!.until)
      const begin = Math.floor((Math.max(low, piece.after ?? low) - offset) / length)
      const end = Math.floor((piece.until! - offset) / length)
      expect(end - begin).toBeLessThanOrEqual(1)
    }
  }
  expect(cutOf({ after: 0, until: null }, 0, { length: 1, offset: 0 })).toBeUndefined()
})

function piecesOf(span: TimeSpan, first: number, boundaries: Boundaries): readonly TimeSpan[] {
  const cut = cutOf(span, first, boundaries)
  if (cut === undefined) return [span]
  return [
    ...piecesOf({ after: span.after, until: cut }, first, boundaries),
    ...piecesOf({ after: cut, until: span.until }, first, boundaries),
  ]
}
