// Work that fails in part: what can be computed is given, in its place.
import { expect, it } from 'vitest'
import { resultsOf, type Work } from '../../../src/run/results/halving.ts'

type Piece = readonly [first: number, last: number]

class Bad extends Error {}

/** Numbers, some of which fail. */
function numbers(bad: ReadonlySet<number>, runs: Piece[] = []): Work<Piece, number | string> {
  return {
    // eslint-disable-next-line require-yield
    async *run([first, last]) {
      runs.push([first, last])
      const all = Array.from({ length: last - first + 1 }, (_, at) => first + at)
      if (all.some((each) => bad.has(each))) throw new Bad()
      yield* all
    },
    isOfPiece: (error) => error instanceof Bad,
    halves: async ([first, last]) => {
      const middle = Math.floor((first + last) / 2)
      return first === last
        ? undefined
        : [
            [first, middle],
            [middle + 1, last],
          ]
    },
    refuse: async ([first, last]) => [first === last ? `${first}` : `${first}-${last}`],
  }
}

async function all<T>(results: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = []
  for await (const each of results) list.push(each)
  return list
}

it('runs once what does not fail', async () => {
  const runs: Piece[] = []
  expect(await all(resultsOf([1, 4], numbers(new Set(), runs)))).toEqual([1, 2, 3, 4])
  expect(runs).toEqual([[1, 4]])
})

it('leaves out what fails alone, in its place, whatever fails', async () => {
  for (let mask = 0; mask < 256; mask++) {
    const bad = new Set(Array.from({ length: 8 }, (_, at) => at).filter((at) => mask & (1 << at)))
    const expected = Array.from({ length: 8 }, (_, at) => (bad.has(at) ? `${at}` : at))
    expect(await all(resultsOf([0, 7], numbers(bad)))).toEqual(expected)
  }
})

it('refuses whole pieces beyond its bound, and still runs each of them', async () => {
  const bad = new Set([0, 1, 2, 3])
  expect(await all(resultsOf([0, 7], numbers(bad), 2))).toEqual(['0-1', '2-3', 4, 5, 6, 7])
})

it('rejects with what is not of a piece, and with what fails after its first result', async () => {
  const other: Work<Piece, number | string> = { ...numbers(new Set([1])), isOfPiece: () => false }
  await expect(all(resultsOf([0, 7], other))).rejects.toThrow(Bad)
  const late: Work<Piece, number | string> = {
    ...numbers(new Set()),
    async *run([first]) {
      yield first
      throw new Bad()
    },
  }
  await expect(all(resultsOf([0, 7], late))).rejects.toThrow(Bad)
})
