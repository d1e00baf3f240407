// Rows that come late and count still: what a plan says of them, and of which queries they are refused.
import { expect, it } from 'vitest'
import type { PlanFault } from '../../src/plan/plan-fault.ts'
import { minute, plannerOfTests, tumble } from './planner.ts'

const planner = plannerOfTests()
const lateness = 90e6
const ofViews = `TUMBLE(TABLE views, DESCRIPTOR(ts), ${minute})`
const joinedWindows = `SELECT a.window_end, a.k FROM ${tumble} a JOIN ${ofViews} b ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.k = b.k`

/** A text, where its fault stands, and some of its words. */
const refused: readonly (readonly [string, string, string])[] = [
  [
    `INSERT INTO x SELECT k FROM ${tumble};\nINSERT INTO y SELECT window_end, k, count(*) FROM SESSION(TABLE clicks PARTITION BY k, DESCRIPTOR(ts), ${minute}) GROUP BY window_start, window_end, k`,
    '1: k FROM TUMBLE(TABLE clic',
    'select window_end too',
  ],
  [
    `INSERT INTO y SELECT window_end, k, count(*) FROM SESSION(TABLE clicks PARTITION BY k, DESCRIPTOR(ts), ${minute}) GROUP BY window_start, window_end, k`,
    '1: SESSION(TABLE clicks PAR',
    'windows of SESSION begin and end',
  ],
  [
    `INSERT INTO y SELECT window_end, k FROM STAGGER(TABLE clicks PARTITION BY k, DESCRIPTOR(ts), ${minute})`,
    '1: STAGGER(TABLE clicks PAR',
    'windows of STAGGER begin and end',
  ],
  [
    `INSERT INTO y SELECT k, count(*) OVER (PARTITION BY k ORDER BY ts RANGE ${minute} PRECEDING) FROM clicks`,
    '1: count(*) OVER (PARTITION',
    'all rows after it',
  ],
  [
    `INSERT INTO y\nSELECT a.k FROM clicks a JOIN views b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + ${minute}`,
    '2: JOIN views b ON a.k = b.',
    'take back',
  ],
  [`INSERT INTO y ${joinedWindows}`, '1: JOIN TUMBLE(TABLE views,', 'take back'],
  [
    `INSERT INTO y SELECT window_end, k FROM ${tumble} a WHERE EXISTS (SELECT 1 FROM ${ofViews} b WHERE a.window_start = b.window_start AND a.window_end = b.window_end AND a.k = b.k)`,
    '1: EXISTS (SELECT 1 FROM TU',
    'take back',
  ],
  [
    `INSERT INTO y WITH m AS (SELECT window_time AS t, k FROM ${tumble}) SELECT window_end, count(*) FROM TUMBLE(TABLE m, DESCRIPTOR(t), INTERVAL '1' HOUR) GROUP BY window_start, window_end`,
    '1: TUMBLE(TABLE m, DESCRIPT',
    'do not come again',
  ],
  [
    `INSERT INTO y SELECT window_end, k FROM ${tumble} UNION ALL SELECT window_end, k FROM ${ofViews}`,
    '1: window_end, k FROM TUMBL',
    'two INSERTs',
  ],
  [
    `INSERT INTO y SELECT k, count(*) FROM ${tumble} GROUP BY window_start, window_end, k`,
    '1: k, count(*) FROM TUMBLE(',
    'select window_end too',
  ],
  [
    `INSERT INTO y SELECT window_start, count(*) FROM CUMULATE(TABLE clicks, DESCRIPTOR(ts), ${minute}, INTERVAL '1' HOUR) GROUP BY window_start, window_end`,
    '1: window_start, count(*) F',
    'select window_end too',
  ],
]

it.each(refused)('refuses late rows in %s', async (text, place, words) => {
  const fault = await planner()
    .plan(text, { lateness })
    .then(
      () => undefined,
      (error: unknown) => error as PlanFault,
    )
  const { line, column } = fault!.place
  expect(`${line}: ${text.split('\n')[line - 1]!.slice(column - 1)}`).toContain(place)
  expect(fault!.reason).toContain('--lateness')
  expect(fault!.reason).toContain(words)
})

it.each([
  `SELECT window_start, k, count(*) FROM ${tumble} GROUP BY window_start, window_end, k`,
  `SELECT *, row_number() OVER (PARTITION BY window_start, window_end ORDER BY v) AS place FROM ${tumble}`,
  `WITH rows AS (SELECT ts, k FROM clicks UNION ALL SELECT ts, k FROM views) SELECT window_time, k, count(*) FROM HOP(TABLE rows, DESCRIPTOR(ts), ${minute}, INTERVAL '1' HOUR) GROUP BY window_start, window_end, window_time, k`,
  `SELECT w.window_end, p.name FROM ${tumble} w JOIN 'pages.csv' p ON w.k = p.k`,
  `SELECT window_end AS until, k FROM CUMULATE(TABLE clicks, DESCRIPTOR(ts), ${minute}, INTERVAL '1' HOUR)`,
  'SELECT k FROM clicks',
])('takes late rows in %s', async (sql) => {
  const plan = await planner().plan(`INSERT INTO x ${sql}`, { lateness })
  expect(plan.statements).toHaveLength(1)
})

it('holds rows for as long as they may change a result, and says which come late', async () => {
  const { session } = planner()
  const plan = await planner().plan(
    `INSERT INTO x SELECT window_end, count(*) FROM HOP(TABLE clicks, DESCRIPTOR(ts), ${minute}, INTERVAL '2' MINUTES) GROUP BY window_start, window_end`,
    { lateness },
  )
  const [{ needed, late, again, hold }] = plan.inputs as [(typeof plan.inputs)[number]]
  expect(hold).toBe(210e6)
  const said = async (seconds: number, since?: number) => {
    await session.run(
      `SET VARIABLE millrace_until = make_timestamp(600000000); SET VARIABLE millrace_since = ${since === undefined ? `TIMESTAMP '-infinity'` : `make_timestamp(${since * 1e6})`}`,
    )
    const [row] = await session.rows(
      `SELECT ${needed} AS needed, ${late} AS late, ${again} AS again FROM (SELECT make_timestamp(${seconds * 1e6}) AS millrace_time)`,
    )
    return row
  }
  // Windows that end up to 510 s are final, those that end up to 600 s are written.
  expect(await said(419)).toEqual({ needed: false, late: true, again: false })
  expect(await said(420)).toEqual({ needed: true, late: false, again: true })
  expect(await said(599)).toEqual({ needed: true, late: false, again: true })
  expect(await said(600)).toEqual({ needed: true, late: false, again: false })
  // All that ended by then is final.
  expect(await said(420, 540)).toEqual({ needed: false, late: true, again: false })
  expect(await said(480, 540)).toEqual({ needed: true, late: false, again: true })
  expect(await said(599, 600)).toEqual({ needed: true, late: false, again: false })
})
