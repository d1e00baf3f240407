// The table of the dialect: each question gives the results that are written out, over all rows at once and in whatever steps.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { plannerOfTests } from './planner.ts'
import { isByArrival, shownRows } from '../support/dialect/case.ts'
import { dialectCases } from '../support/dialect/cases.ts'
import { CaseRun, type Results } from '../support/dialect/runner.ts'

const planner = plannerOfTests()

const MINUTE = 60_000_000

/** Results by target. */
function shown(results: Results) {
  return Object.fromEntries(Object.entries(results).map(([target, rows]) => [target, shownRows(rows)]))
}

it('has forty questions and more, each of its own name', () => {
  expect(new Set(dialectCases.map(({ name }) => name)).size).toBe(dialectCases.length)
  expect(dialectCases.length).toBeGreaterThanOrEqual(40)
})

it.each(dialectCases.filter(isByArrival))('says when records came that $name goes by', ({ streams }) => {
  for (const { records } of Object.values(streams))
    for (const record of records) expect(record).toHaveProperty('arrival_time')
})

it.each(dialectCases)('$name', async (one) => {
  await using run = await CaseRun.open(planner(), one)
  const expected = shown(one.expected)
  expect(shown(await run.atOnce())).toEqual(expected)
  const moments = await run.moments()
  const end = (moments.at(-1) ?? 0) + 24 * 60 * MINUTE
  const moment = fc
    .tuple(fc.constantFrom(...moments, 0), fc.constantFrom(0, 1, MINUTE, 7 * MINUTE, 59_000_000))
    .map(([at, more]) => at + more)
  const steps = fc.record({
    watermarks: fc.uniqueArray(moment, { maxLength: 6 }).map((each) => [...each.sort((a, b) => a - b), end]),
    ahead: fc.constantFrom(0, MINUTE, 10 * MINUTE),
    order: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { minLength: 11 }),
  })
  await fc.assert(
    fc.asyncProperty(steps, async (each) => {
      const found = await run.inSteps(each)
      const targets = Object.keys(expected).map((target) => [target, found[target] ?? []] as const)
      expect(shown(Object.fromEntries(targets))).toEqual(expected)
    }),
    { numRuns: 12 },
  )
})
