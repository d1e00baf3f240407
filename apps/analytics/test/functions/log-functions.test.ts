// Functions of Kinesis Data Analytics over lines and moments, in DuckDB.
import { expect, it } from 'vitest'
import { plannerOfTests } from '../plan/planner.ts'

const planner = plannerOfTests()

async function valueOf(expression: string, line: string): Promise<unknown> {
  const plan = await planner().plan(`INSERT INTO x SELECT ${expression} AS value FROM logs`)
  const [input] = plan.inputs
  await planner().session.run(
    `CREATE OR REPLACE TEMP TABLE ${input!.relation} AS SELECT '${line.replaceAll("'", "''")}' AS line, TIMESTAMP '2026-01-01 00:00:01.5' AS ts`,
  )
  const [row] = await planner().session.rows(plan.statements[0]!.sql)
  return row!['value']
}

it.each([
  [`REGEX_LOG_PARSE(line, '(\\w+) (\\d+)')`, 'ab 12', { COLUMN1: 'ab', COLUMN2: '12' }],
  [`REGEX_LOG_PARSE(line, '(\\w+) (\\d+)')`, 'ab cd', null],
  [
    `FAST_REGEX_LOG_PARSER(line, '(\\w+) (\\d+)', 'name, size TYPE INTEGER')`,
    'ab 12',
    { name: 'ab', size: 12 },
  ],
  [`REGEX_LOG_PARSE(line, '(\\w+)').COLUMN1`, 'ab', 'ab'],
  [
    `W3C_LOG_PARSE(line, 'COMMON').COLUMN6`,
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
    '200',
  ],
  [`VARIABLE_COLUMN_LOG_PARSE(line, 2, ',')`, 'a,b,c', { COLUMN1: 'a', COLUMN2: 'b' }],
  [`VARIABLE_COLUMN_LOG_PARSE(line, 'x TYPE INTEGER, y, z', '|')`, '1|b', { x: 1, y: 'b', z: null }],
  [
    `FIXED_COLUMN_LOG_PARSE(line, 'x TYPE INTEGER START 0 FOR 3, y START 4 FOR 2, z START 6')`,
    ' 12 abcdef',
    { x: 12, y: 'ab', z: 'cdef' },
  ],
  [`TSDIFF(ts, ts + INTERVAL '2' SECONDS)`, '', 2000],
  ['UNIX_TIMESTAMP(ts)', '', 1767225601500],
])('gives of %s, of the line %s', async (expression, line, value) => {
  expect(await valueOf(expression, line)).toEqual(value)
})
