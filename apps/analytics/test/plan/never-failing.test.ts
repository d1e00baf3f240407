// Values that a query that runs for ever cannot compute: they are NULL, and the query goes on.
import { expect, it } from 'vitest'
import { plannerOfTests, runBetween, tumble } from './planner.ts'

const planner = plannerOfTests()

/** Runs a SELECT over two rows, of which one holds nothing but what is hard to compute with. */
async function resultsOf(select: string) {
  const { session } = planner()
  const plan = await planner().plan(`INSERT INTO x ${select}`, {
    columnsOf: () => ['ts', 'k', 'v', 'small', 'zero'],
  })
  for (const { held, relation } of plan.inputs) {
    await session.run(
      `CREATE OR REPLACE TEMP TABLE ${held} (ts TIMESTAMP, k VARCHAR, v BIGINT, small TINYINT, zero INTEGER, millrace_time TIMESTAMP)`,
    )
    await session.run(
      `CREATE OR REPLACE TEMP VIEW ${relation} AS SELECT * EXCLUDE (millrace_time) FROM ${held}`,
    )
    await session.run(
      `INSERT INTO ${held} VALUES (TIMESTAMP '1970-01-01', '7', 7, 7, 2, TIMESTAMP '1970-01-01'), (TIMESTAMP '1970-01-01', 'seven', 9223372036854775807, -128, 0, TIMESTAMP '1970-01-01')`,
    )
  }
  const rows = await runBetween(session, plan.statements[0]!, undefined, 3600e6)
  return rows.map((row) => Object.values(row)[0])
}

it.each([
  ['a cast', 'k::INTEGER', 7],
  ['a cast with a value instead', 'coalesce(CAST(k AS INTEGER), -1)', 7, -1],
  ['a cast to a date', 'DATE (CAST(k AS VARCHAR))', null],
  ['division', '(v / zero)::INTEGER', 4],
  ['division of integers', 'v // zero', 3],
  ['the rest of a division', 'v % zero', 1],
  ['division of fractions', '1.5 / zero', 0.75],
  ['a sum', 'v + 1', 8],
  ['a difference', 'small - 100::TINYINT', -93],
  ['a product', 'v * 2', 14],
  ['a negative', '-small', -7],
  ['an absolute value', 'abs(small)', 7],
  ['a root', 'round(sqrt(small), 3)', 2.646],
  ['a logarithm', 'round(ln(zero), 3)', 0.693],
  ['a time of text', "strptime(k, '%d')", '1900-01-07T00:00:00Z'],
  ['a time of a number', 'make_timestamp(v)', '1970-01-01T00:00:00.000007Z'],
  ['a field of text that should be JSON', "json_extract(k, '$')", 7],
  ['nested calls', 'coalesce(sqrt(small - 100::TINYINT), v * 10)', 70, null],
  ['a lambda', 'list_transform([v], lambda x: x * 2)', ['14'], [null]],
])('gives NULL where %s has no value', async (_, expression, value, other: unknown = null) => {
  const found = await resultsOf(`SELECT ${expression} AS x FROM clicks`)
  expect(
    found.map((each) =>
      Array.isArray(each) ? each.map((one) => (one === null ? null : String(one))) : each,
    ),
  ).toEqual([value, other])
})

it.each([
  ['WHERE', 'SELECT k FROM clicks WHERE k::INTEGER = 7', ['7']],
  ['an aggregate', `SELECT sum(v + 1)::INTEGER AS n FROM ${tumble} GROUP BY window_start, window_end`, [8]],
  [
    'GROUP BY',
    `SELECT small * 2::TINYINT AS n, count(*) FROM ${tumble} GROUP BY window_start, window_end, small * 2::TINYINT`,
    [14, null],
  ],
  [
    'GROUP BY a name',
    `SELECT v + 1 AS n, count(*) FROM ${tumble} GROUP BY window_start, window_end, n`,
    [8, null],
  ],
  [
    'GROUP BY ALL',
    `SELECT v + 1 AS n, window_start, window_end, count(*) FROM ${tumble} GROUP BY ALL`,
    [8, null],
  ],
  [
    'OVER',
    `SELECT sum(v + 1) OVER (ORDER BY ts RANGE INTERVAL '1' MINUTE PRECEDING)::INTEGER AS n FROM clicks`,
    [8, 8],
  ],
  ['a name of another expression', 'SELECT k::INTEGER AS a, a + 1 AS b FROM clicks', [7, null]],
  ['a name that is a column too', 'SELECT v + 1 AS v, v * 2 AS w FROM clicks', [8, null]],
  [
    'a subquery',
    'SELECT (SELECT max(x * c.zero) FROM range(3) t(x))::INTEGER AS n FROM clicks c WHERE EXISTS (SELECT 1 FROM range(3) t(x) WHERE x + 1 = c.zero + 1)',
    [4, 0],
  ],
  [
    'CASE',
    `SELECT CASE WHEN k::INTEGER > 3 THEN 'large' ELSE 'other' END AS n FROM clicks`,
    ['large', 'other'],
  ],
])('goes on where %s has a value that cannot be computed', async (_, select, values) => {
  const found = await resultsOf(select)
  expect(found).toHaveLength(values.length)
  expect(new Set(found)).toEqual(new Set<unknown>(values))
})

it('lets a single question fail, and says why', async () => {
  const plan = await planner().plan("SELECT 'x'::INTEGER AS n", { isContinuous: false })
  await expect(planner().session.rows(plan.statements[0]!.sql)).rejects.toThrow('Conversion Error')
})
