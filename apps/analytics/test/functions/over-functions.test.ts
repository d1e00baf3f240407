// Functions over the rows before a row: in steps as at once, and what they are by hand.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anomalyScore } from '../../src/functions/random-cut-forest.ts'
import { plannerOfTests, runAtOnce, runInSteps, sorted, testColumns, type TestRow } from '../plan/planner.ts'

const planner = plannerOfTests()
const SECOND = 1_000_000

const rowsOf = (values: readonly number[]): readonly TestRow[] =>
  values.map((v, at) => ({ at: at * SECOND, k: 'a', v }))

it('weighs values by half for each full size that they are older', async () => {
  const plan = await planner().plan(
    `INSERT INTO x SELECT EXP_AVG(v, INTERVAL '2' SECOND) OVER (ORDER BY ts RANGE INTERVAL '5' SECONDS PRECEDING) AS mean FROM s`,
    { columnsOf: () => testColumns },
  )
  const rows = await runAtOnce(planner().session, plan, [rowsOf([8, 4, 2, 6, 1])])
  expect(rows.map(({ mean }) => mean)).toEqual([
    8,
    6,
    (2 + 4 + 8 / 2) / 2.5,
    (6 + 2 + (4 + 8) / 2) / 3,
    (1 + 6 + (2 + 4) / 2 + 8 / 4) / 3.25,
  ])
})

it('scores a row among those of its range', async () => {
  const plan = await planner().plan(
    `INSERT INTO x SELECT v, random_cut_forest(v, 2 * v) OVER (ORDER BY ts RANGE INTERVAL '9' SECONDS PRECEDING) AS score FROM s`,
    { columnsOf: () => testColumns },
  )
  const values = [3, 4, 3, 5, 4, 3, 4, 90, 4, 5, 3]
  const rows = await runAtOnce(planner().session, plan, [rowsOf(values)])
  const points = values.map((v) => [v, 2 * v])
  expect(rows.map(({ score }) => score)).toEqual(
    points.map((point, at) => anomalyScore(point, points.slice(Math.max(0, at - 9), at).flat())),
  )
  const highest = rows.toSorted((a, b) => Number(b['score']) - Number(a['score']))[0]
  expect(highest).toMatchObject({ v: 90 })
})

it('scores by the dimensions that a row has, and a row without any not at all', async () => {
  const { session } = planner()
  const rows = await session.rows(
    `SELECT millrace_forest([1, NULL], [1, NULL, 2, 5, NULL, 3]) AS a, millrace_forest([1], [1, 2]) AS b, millrace_forest([NULL], [1]) AS c, millrace_forest(NULL, [1]) AS d, millrace_forest([1], [1]) AS e`,
  )
  expect(rows).toEqual([{ a: 1, b: 1, c: null, d: null, e: 0 }])
})

it.each([
  `random_cut_forest(v) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '4' SECONDS PRECEDING)`,
  `round(exp_avg(v, INTERVAL '1' SECOND) OVER (ORDER BY ts RANGE INTERVAL '4' SECONDS PRECEDING), 6)`,
])('gives the same in steps as at once: %s', async (value) => {
  const plan = await planner().plan(`INSERT INTO x SELECT ts, v, ${value} AS value FROM s`, {
    columnsOf: () => testColumns,
  })
  const at = fc.integer({ min: 0, max: 20 }).map((seconds) => seconds * SECOND)
  const row = fc.record({ at, k: fc.constantFrom('a', 'b'), v: fc.integer({ min: -9, max: 9 }) })
  const watermarks = fc.uniqueArray(at, { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 15 }), watermarks, async (rows, steps) => {
      const expected = sorted(await runAtOnce(planner().session, plan, [rows]))
      const ordered = [...steps.sort((a, b) => a - b), 100 * SECOND]
      expect(sorted(await runInSteps(planner().session, plan, [rows], ordered, 0))).toEqual(expected)
    }),
    { numRuns: 10 },
  )
})
