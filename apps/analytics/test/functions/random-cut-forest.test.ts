// The forest against what the paper defines: the expected score of small sets, by all trees that there are; what does not change it; and
// the example of rrcf (Bartos, Mullapudi and Troutman, JOSS 2019), a sine with a flat piece in it.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anomalyScore, forestDefaults } from '../../src/functions/random-cut-forest.ts'

const many = { trees: 20_000, seed: 1 }

/** Expected collusive displacement of a number among others: each gap between them is cut with a chance proportional to its length. */
function expectedScore(x: number, others: readonly number[], cutOff: readonly number[] = []): number {
  const points = [...others, x].sort((a, b) => a - b)
  const extent = points.at(-1)! - points[0]!
  if (extent === 0) {
    let size = points.length
    let most = 0
    for (const rest of [...cutOff].reverse()) {
      most = Math.max(most, rest / size)
      size += rest
    }
    return most
  }
  let sum = 0
  for (let at = 1; at < points.length; at++) {
    const gap = points[at]! - points[at - 1]!
    if (gap === 0) continue
    const isLow = x <= points[at - 1]!
    const kept = others.filter((other) => other <= points[at - 1]! === isLow)
    sum += (gap / extent) * expectedScore(x, kept, [...cutOff, others.length - kept.length])
  }
  return sum
}

it('knows by hand what three points give', () => {
  // 10 is alone at once with a chance of 0.9, beside two; else 0 is, and it is beside one.
  expect(expectedScore(10, [0, 1])).toBeCloseTo(0.9 * 2 + 0.1 * 1, 10)
})

it.each([
  [10, [0, 1]],
  [0, [1, 10]],
  [5, [0, 1, 2, 3, 4]],
  [100, [0, 1, 2, 3, 4]],
  [1, [1, 1, 7, 8]],
  [-3, [0, 0.5, 0.6, 9, 9, 20]],
])('gives %d among %j the expected score of the definition', (x, others) => {
  const score = anomalyScore([x], others, many)
  expect(score).toBeCloseTo(expectedScore(x, others), 1)
})

it('gives the expected score where dimensions repeat each other, as cuts of each are the same', () => {
  const others = [0, 0.5, 0.6, 9, 9, 20]
  const score = anomalyScore(
    [-3, -3],
    others.flatMap((other) => [other, other]),
    many,
  )
  expect(score).toBeCloseTo(expectedScore(-3, others), 1)
})

const value = fc.integer({ min: -50, max: 50 })
const points = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 40 })
const few = { trees: 10, seed: 7 }

it('is the same whatever the order of the rows, wherever they lie, and in whatever unit', () => {
  fc.assert(
    fc.property(points, fc.tuple(value, value), value, (among, point, shift) => {
      const score = anomalyScore(point, among.flat(), few)
      const moved = ([x, y]: readonly [number, number]) => [4 * x + shift, 4 * y - shift]
      expect(anomalyScore(point, among.toReversed().flat(), few)).toBe(score)
      expect(anomalyScore(moved(point), among.flatMap(moved), few)).toBeCloseTo(score, 10)
    }),
  )
})

it('lies between 0 and the number of others', () => {
  fc.assert(
    fc.property(points, fc.tuple(value, value), (among, point) => {
      const score = anomalyScore(point, among.flat(), few)
      expect(score).toBeGreaterThanOrEqual(0)
      expect(score).toBeLessThanOrEqual(among.length)
    }),
  )
})

it('finds the flat piece of a sine', () => {
  const sine = Array.from({ length: 730 }, (_, at) =>
    at >= 235 && at < 255 ? 80 : 50 * Math.sin(((2 * Math.PI) / 100) * (at - 30)) + 100,
  )
  const shingles = sine.slice(3).map((_, at) => sine.slice(at, at + 4))
  const scores = shingles.map((shingle, at) =>
    at < 100
      ? 0
      : anomalyScore(shingle, shingles.slice(Math.max(0, at - 256), at).flat(), {
          ...forestDefaults,
          trees: 40,
        }),
  )
  const highest = scores.indexOf(Math.max(...scores))
  expect(highest).toBeGreaterThanOrEqual(232)
  expect(highest).toBeLessThan(258)
})
