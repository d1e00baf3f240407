// Kinesis Data Analytics' own forms: the shapes of its documented examples give what the same question in windows gives, or say what to write.
import { expect, it } from 'vitest'
import { plannerOfTests } from './planner.ts'

const planner = plannerOfTests()

const S = '"SOURCE_SQL_STREAM_001"'
const head = `CREATE OR REPLACE STREAM "OUT" ("ticker" VARCHAR(4), "n" INTEGER);\n`
const pump = (select: string) =>
  `${head}CREATE OR REPLACE PUMP "STREAM_PUMP" AS INSERT INTO "OUT"\n${select};`
const tumble = (time: string, size: string) => `TUMBLE(TABLE ${S}, DESCRIPTOR(${time}), ${size})`

it.each([
  [
    'a filter',
    `SELECT STREAM ticker, price FROM ${S} WHERE sector LIKE '%TECH%'`,
    `SELECT ticker, price FROM ${S} WHERE sector LIKE '%TECH%'`,
  ],
  [
    'ROWTIME',
    `SELECT STREAM ROWTIME, ${S}.APPROXIMATE_ARRIVAL_TIME AS a FROM ${S}`,
    `SELECT arrival_time AS ROWTIME, ${S}.arrival_time AS a FROM ${S}`,
  ],
  [
    'STEP over ROWTIME',
    `SELECT STREAM ticker, COUNT(*) AS n FROM ${S} GROUP BY ticker, STEP(${S}.ROWTIME BY INTERVAL '60' SECOND)`,
    `SELECT ticker, COUNT(*) AS n FROM ${tumble('arrival_time', `INTERVAL '60' SECOND`)} GROUP BY ticker, window_start, window_end`,
  ],
  [
    'STEP over a time of its own, beside ROWTIME',
    `SELECT STREAM STEP(at_time BY INTERVAL '10' SECOND) AS step, MIN(price) FROM ${S} GROUP BY STEP(ROWTIME BY INTERVAL '10' SECOND), STEP(at_time BY INTERVAL '10' SECOND)`,
    `SELECT window_start AS step, MIN(price) FROM ${tumble('at_time', `INTERVAL '10' SECOND`)} GROUP BY window_start, window_end`,
  ],
  [
    'FLOOR',
    `SELECT STREAM FLOOR(${S}.ROWTIME TO MINUTE) AS m, MAX(price) AS most FROM ${S} GROUP BY FLOOR(${S}.ROWTIME TO MINUTE)`,
    `SELECT window_start AS m, MAX(price) AS most FROM ${tumble('arrival_time', `to_minutes(1)`)} GROUP BY window_start, window_end`,
  ],
  [
    'a sliding window',
    `SELECT STREAM ticker, AVG(price) OVER last AS a, MIN(price) OVER last AS m FROM ${S} WINDOW last AS (PARTITION BY ticker RANGE INTERVAL '1' MINUTE PRECEDING)`,
    `SELECT ticker, AVG(price) OVER last AS a, MIN(price) OVER last AS m FROM ${S} WINDOW last AS (PARTITION BY ticker ORDER BY arrival_time RANGE INTERVAL '1' MINUTE PRECEDING)`,
  ],
  [
    'a sliding window of rows',
    `SELECT STREAM AVG(price) OVER (PARTITION BY ticker ROWS 2 PRECEDING) AS a, LAG(price) OVER (PARTITION BY ticker) AS l FROM ${S}`,
    `SELECT AVG(price) OVER (PARTITION BY ticker ORDER BY arrival_time ROWS 2 PRECEDING) AS a, LAG(price) OVER (PARTITION BY ticker ORDER BY arrival_time) AS l FROM ${S}`,
  ],
  [
    'a stagger window',
    `SELECT STREAM ticker, COUNT(*) AS n FROM ${S} WINDOWED BY STAGGER (PARTITION BY ticker RANGE INTERVAL '1' MINUTE)`,
    `SELECT ticker, COUNT(*) AS n FROM STAGGER(TABLE ${S} PARTITION BY ticker, DESCRIPTOR(arrival_time), INTERVAL '1' MINUTE) GROUP BY ticker, window_start, window_end`,
  ],
  [
    'a stagger window by a time of its own',
    `SELECT STREAM FLOOR(at_time TO MINUTE) AS m, COUNT(*) AS n FROM ${S} WINDOWED BY STAGGER (PARTITION BY FLOOR(at_time TO MINUTE), ticker RANGE INTERVAL '1' MINUTE)`,
    `SELECT date_trunc('minute', at_time) AS m, COUNT(*) AS n FROM STAGGER(TABLE ${S} PARTITION BY (date_trunc('minute', at_time), ticker), DESCRIPTOR(arrival_time), INTERVAL '1' MINUTE) GROUP BY date_trunc('minute', at_time), ticker, window_start, window_end`,
  ],
])('reads %s', async (_, kinesis, own) => {
  const [a, b] = await Promise.all([
    planner().plan(pump(kinesis)),
    planner().plan(`INSERT INTO "OUT" ${own}`),
  ])
  expect(a.statements[0]).toMatchObject({ target: 'OUT', sql: b.statements[0]!.sql })
  const withoutOrder = ({ inputs }: typeof a) =>
    inputs.map((input) => ({ ...input, columns: new Set(input.columns) }))
  expect(withoutOrder(a)).toEqual(withoutOrder(b))
})

it('takes a stream that another pump reads to be of the query alone', async () => {
  const plan = await planner().plan(
    `CREATE OR REPLACE STREAM "IN_APP" (a INTEGER); CREATE OR REPLACE STREAM "OUT" (b INTEGER);
     CREATE OR REPLACE PUMP "ONE" AS INSERT INTO "IN_APP" SELECT STREAM a FROM ${S} WHERE a > 3;
     CREATE OR REPLACE PUMP "TWO" AS INSERT INTO "OUT" SELECT STREAM a * 2 AS b FROM "IN_APP"`,
  )
  expect(plan.statements.map(({ target }) => target)).toEqual(['OUT'])
  expect(plan.inputs.map(({ stream, columns }) => [stream, columns])).toEqual([
    ['SOURCE_SQL_STREAM_001', ['a']],
  ])
})

it.each([
  [
    `SELECT STREAM * FROM TABLE(TOP_K_ITEMS_TUMBLING(CURSOR(SELECT STREAM * FROM ${S}), ticker, 10, 60))`,
    "CURSOR(SELECT STREAM * FROM clicks), 'page', 10, 60)",
  ],
  [
    `SELECT STREAM * FROM TABLE(RANDOM_CUT_FOREST(CURSOR(SELECT STREAM x FROM ${S})))`,
    'random_cut_forest(price, size) OVER',
  ],
  [`SELECT STREAM random_cut_forest(x) FROM ${S}`, 'random_cut_forest(price, size) OVER'],
  [`SELECT STREAM EXP_AVG(x) OVER (ROWS 3 PRECEDING) FROM ${S}`, "exp_avg(price, INTERVAL '10' SECOND)"],
  [`SELECT STREAM REGEX_LOG_PARSE(line, pattern) FROM ${S}`, 'must be constants'],
  [`SELECT STREAM REGEX_LOG_PARSE(line, '(a)', 'x, y') FROM ${S}`, 'must be constants'],
  [
    `SELECT STREAM VARIABLE_COLUMN_LOG_PARSE(line, 'x, y', ',', '\\') FROM ${S}`,
    'VARIABLE_COLUMN_LOG_PARSE(line,',
  ],
  [`SELECT STREAM SYS_LOG_PARSE(line) FROM ${S}`, 'regexp_extract'],
  [`SELECT STREAM TO_TIMESTAMP(ms) FROM ${S}`, 'make_timestamp(ms * 1000)'],
  [`SELECT STREAM * FROM TABLE(HOTSPOTS(CURSOR(SELECT STREAM x FROM ${S}), 1000, 0.2, 17))`, 'round(x, 1)'],
  [`SELECT STREAM * FROM ${S} WHERE sector SIMILAR TO '%TECH%'`, 'LIKE'],
  [
    `SELECT STREAM COUNT(*) FROM ${S} GROUP BY FLOOR((${S}.ROWTIME - TIMESTAMP '1970-01-01 00:00:00') TO MINUTE)`,
    'GROUP BY STEP(ROWTIME BY',
  ],
  [
    `SELECT STREAM COUNT(*) FROM ${S} WINDOWED BY STAGGER (RANGE INTERVAL '1' MINUTE)`,
    'WINDOWED BY STAGGER (PARTITION BY k',
  ],
])('says what to write instead of %s', async (select, words) => {
  await expect(planner().plan(pump(select))).rejects.toThrow(words)
})

it('says which of its statements there are', async () => {
  await expect(planner().plan(`${head}CREATE FUNCTION f(x INTEGER) RETURNS INTEGER`)).rejects.toThrow(
    'Line 2, column 8',
  )
})
