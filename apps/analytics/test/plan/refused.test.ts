// What is refused of queries that run for ever: where, and in which words.
import { expect, it } from 'vitest'
import type { PlanFault } from '../../src/plan/plan-fault.ts'
import { minute, plannerOfTests, tumble } from './planner.ts'

const planner = plannerOfTests()

/** A text, the line of its fault and what stands there, and some of its words. */
const refused: readonly (readonly [string, string, string])[] = [
  ['SELECT 1', '1: SELECT 1', 'INSERT INTO target SELECT'],
  ['DELETE FROM clicks', '1: DELETE FROM clicks', 'DELETE is no query'],
  ['', '1: ', 'There is no statement'],
  ['INSERT INTO x SELECT 1', '1: SELECT 1', 'reads no stream'],
  ['INSERT INTO my-target SELECT k FROM clicks', '1: -target SELECT k FROM cl', 'in double quotes'],
  ['INSERT INTO x DELETE FROM clicks', '1: DELETE FROM clicks', 'a SELECT follows the target'],
  ['INSERT INTO x\nSELECT k,\n  FRM clicks c d', '3: c d', 'syntax error at or near "c"'],
  ['INSERT INTO x SELECT k FROM clicks;\nINSERT INTO y SELECT ü FROM clicks WHERE (', '2: (', 'end of input'],
  ['INSERT INTO x SELECT k, count(*) FROM clicks GROUP BY k', '1: k', 'GROUP BY window_start, window_end'],
  ['INSERT INTO x SELECT count(*) FROM clicks', '1: count(*) FROM clicks', 'no result would ever be final'],
  [`INSERT INTO x SELECT k, count(*) FROM ${tumble} GROUP BY k`, '1: k', 'both of their bounds'],
  [
    `INSERT INTO x SELECT count(*) FROM ${tumble} GROUP BY window_start`,
    '1: window_start',
    'both of their bounds',
  ],
  [
    `INSERT INTO x SELECT k, count(*) FROM ${tumble} GROUP BY ROLLUP (window_start, window_end, k)`,
    '1: window_start, window_end',
    'both of their bounds',
  ],
  ['INSERT INTO x SELECT geomean(v) FROM clicks', '1: geomean(v) FROM clicks', 'no result would ever be'],
  ['INSERT INTO x SELECT k FROM clicks TABLESAMPLE 10%', '1: clicks TABLESAMPLE 10%', 'A sample is of'],
  ['INSERT INTO x SELECT k FROM clicks USING SAMPLE 10', '1: k FROM clicks USING SA', 'A sample is of'],
  ['INSERT INTO x SELECT DISTINCT k FROM clicks', '1: k FROM clicks', 'select from a window'],
  ['INSERT INTO x SELECT k FROM clicks ORDER BY k', '1: k FROM clicks ORDER BY k', 'ROW_NUMBER()'],
  [
    `INSERT INTO x SELECT c.k, r.rate FROM clicks c JOIN 'rates.csv' FOR SYSTEM_TIME AS OF c.ts AS r ON c.k = r.k`,
    '1: FOR SYSTEM_TIME AS OF c.t',
    "write ASOF JOIN 'rates.csv' r ON … AND c.ts >= r.valid_from",
  ],
  ['INSERT INTO x SELECT k FROM clicks LIMIT 3', '1: k FROM clicks LIMIT 3', 'ROW_NUMBER()'],
  ['INSERT INTO x SELECT k FROM clicks OFFSET 3', '1: k FROM clicks OFFSET 3', 'ROW_NUMBER()'],
  [
    `INSERT INTO x SELECT window_start, window_end, k FROM ${tumble} LIMIT 3`,
    '1: window_start, window_end',
    'ROW_NUMBER()',
  ],
  ['INSERT INTO x SELECT k FROM clicks UNION SELECT k FROM views', '1: k FROM views', 'UNION ALL'],
  ['INSERT INTO x SELECT k FROM clicks EXCEPT SELECT k FROM views', '1: k FROM views', 'UNION ALL'],
  [
    `INSERT INTO x SELECT k FROM clicks UNION ALL SELECT k FROM ${tumble}`,
    '1: k FROM TUMBLE(TABLE clic',
    'two INSERTs',
  ],
  [
    'INSERT INTO x SELECT a.k FROM clicks a JOIN views b ON a.k = b.k',
    '1: JOIN views b ON a.k = b.',
    'BETWEEN a.ts AND a.ts + INTERVAL',
  ],
  [
    'INSERT INTO x SELECT a.k FROM clicks a JOIN views b ON a.k = b.k AND b.ts >= a.ts',
    '1: JOIN views b ON a.k = b.',
    'bound the join in time',
  ],
  [
    `INSERT INTO x SELECT a.k FROM clicks a JOIN views b ON a.k = b.k AND b.ts BETWEEN a.ts + ${minute} AND a.ts`,
    '1: JOIN views b ON a.k = b.',
    'the lower one is above',
  ],
  [
    `INSERT INTO x SELECT a.k FROM ${tumble} a JOIN TUMBLE(TABLE views, DESCRIPTOR(ts), ${minute}) b ON a.window_start = b.window_start`,
    '1: JOIN TUMBLE(TABLE views,',
    'on both bounds',
  ],
  [
    `INSERT INTO x SELECT a.k FROM ${tumble} a JOIN views b ON a.k = b.k`,
    '1: JOIN views b ON a.k = b.',
    'make windows of it too',
  ],
  [
    `INSERT INTO x SELECT c.k FROM 'pages.csv' p LEFT JOIN clicks c ON c.k = p.k`,
    '1: LEFT JOIN clicks c ON c.',
    'stream LEFT JOIN table',
  ],
  [
    'INSERT INTO x SELECT k FROM clicks WHERE k IN (SELECT k FROM views)',
    '1: IN (SELECT k FROM views)',
    'join the stream instead',
  ],
  [
    'INSERT INTO x SELECT (SELECT v FROM views) FROM clicks',
    '1: (SELECT v FROM views)',
    'join the stream instead',
  ],
  [
    'INSERT INTO x SELECT k FROM clicks c WHERE k > 3 OR EXISTS (SELECT 1 FROM views v WHERE v.ts BETWEEN c.ts AND c.ts)',
    '1: EXISTS (SELECT 1 FROM vi',
    'in WHERE alone, within a time',
  ],
  [
    `INSERT INTO x SELECT k FROM ${tumble} c WHERE k IN (SELECT k FROM TUMBLE(TABLE views, DESCRIPTOR(ts), ${minute}))`,
    '1: IN (SELECT k FROM TUMBLE',
    'within the same bounds',
  ],
  [
    `INSERT INTO x SELECT c.k FROM clicks c LEFT JOIN views v ON v.ts BETWEEN c.ts AND c.ts + ${minute} LEFT JOIN sales s ON s.ts BETWEEN v.ts AND v.ts + ${minute}`,
    '1: LEFT JOIN sales s ON s.t',
    'no time to join by',
  ],
  [
    `INSERT INTO x WITH u AS (SELECT ts, k FROM clicks UNION ALL SELECT ts, k FROM views) SELECT count(*) FROM SESSION(TABLE u, DESCRIPTOR(ts), ${minute}) GROUP BY window_start, window_end`,
    '1: SESSION(TABLE u, DESCRIP',
    'SESSION reads one stream',
  ],
  [
    `INSERT INTO x SELECT k FROM clicks WHERE ts > TIMESTAMP '2026-13-01'`,
    `1: '2026-13-01'`,
    'There is no value',
  ],
  [
    'INSERT INTO x SELECT sum(v) OVER (PARTITION BY k) FROM clicks',
    '1: sum(v) OVER (PARTITION B',
    'ordered by their time',
  ],
  [
    'INSERT INTO x SELECT sum(v) OVER (ORDER BY ts) FROM clicks',
    '1: sum(v) OVER (ORDER BY ts',
    'bound it in time',
  ],
  [
    'INSERT INTO x SELECT sum(v) OVER (ORDER BY ts ROWS k PRECEDING) FROM clicks',
    '1: sum(v) OVER (ORDER BY ts',
    'a constant number of rows',
  ],
  [
    'INSERT INTO x SELECT sum(v) OVER (ORDER BY ts ROWS 200000 PRECEDING) FROM clicks',
    '1: sum(v) OVER (ORDER BY ts',
    'up to 100000',
  ],
  [
    `INSERT INTO x SELECT sum(v) OVER (ORDER BY c.ts ROWS 3 PRECEDING) FROM clicks c JOIN 'pages.csv' p ON c.k = p.k`,
    '1: sum(v) OVER (ORDER BY c',
    'a stream of their own',
  ],
  [
    `INSERT INTO x SELECT sum(v) OVER (ORDER BY ts ROWS 3 PRECEDING) FROM clicks WHERE k IN (SELECT k FROM 'pages.csv')`,
    '1: sum(v) OVER (ORDER BY ts',
    'a stream of their own',
  ],
  [
    `INSERT INTO x SELECT row_number() OVER (PARTITION BY k ORDER BY ts) FROM clicks`,
    '1: row_number() OVER (PARTI',
    "ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts RANGE INTERVAL '1' HOUR PRECEDING) = 1",
  ],
  [
    `INSERT INTO x SELECT rank() OVER (PARTITION BY k ORDER BY ts RANGE ${minute} PRECEDING) FROM clicks`,
    '1: rank() OVER (PARTITION B',
    'looks back without end',
  ],
  [
    `INSERT INTO x SELECT sum(v) OVER (ORDER BY ts DESC RANGE ${minute} PRECEDING) FROM clicks`,
    '1: sum(v) OVER (ORDER BY ts',
    'forward',
  ],
  [
    `INSERT INTO x SELECT sum(v) OVER (ORDER BY ts RANGE BETWEEN ${minute} PRECEDING AND ${minute} FOLLOWING) FROM clicks`,
    '1: sum(v) OVER (ORDER BY ts',
    'AND CURRENT ROW',
  ],
  [
    'INSERT INTO x SELECT lag(v IGNORE NULLS) OVER (ORDER BY ts) FROM clicks',
    '1: lag(v IGNORE NULLS) OVER',
    'looks back without end',
  ],
  [
    'INSERT INTO x SELECT lead(v) OVER (ORDER BY ts) FROM clicks',
    '1: lead(v) OVER (ORDER BY t',
    'looks back without end',
  ],
  [
    `INSERT INTO x SELECT lag(n) OVER (ORDER BY window_end) FROM (SELECT window_end, count(*) AS n FROM ${tumble} GROUP BY window_start, window_end)`,
    '1: lag(n) OVER (ORDER BY wi',
    'PARTITION BY window_start, window_end',
  ],
  ['INSERT INTO x SELECT k, now() AS at FROM clicks', '1: now() AS at FROM clicks', 'arrival_time'],
  [
    'INSERT INTO x SELECT k, current_date FROM clicks',
    '1: current_date FROM clicks',
    'each time it is asked',
  ],
  ['INSERT INTO x SELECT random() FROM clicks', '1: random() FROM clicks', 'each time it is asked'],
  [
    `INSERT INTO x SELECT any_value(k) FROM ${tumble} GROUP BY window_start, window_end`,
    '1: any_value(k) FROM TUMBLE',
    'any_value(x ORDER BY ts)',
  ],
  [
    `INSERT INTO x SELECT k FROM TUMBEL(TABLE clicks, DESCRIPTOR(ts), ${minute})`,
    '1: TUMBEL(TABLE clicks, DES',
    'There are no windows TUMBEL',
  ],
  [
    `INSERT INTO x SELECT k FROM TUMBLE(TABLE clicks, ts, ${minute})`,
    '1: TUMBLE(TABLE clicks, ts,',
    'Write TUMBLE(TABLE clicks, DESCRIPTOR(ts)',
  ],
  [
    `INSERT INTO x SELECT k FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts))`,
    '1: TUMBLE(TABLE clicks, DES',
    'arguments of TUMBLE',
  ],
  [
    `INSERT INTO x SELECT k FROM HOP(TABLE clicks, DESCRIPTOR(ts), ${minute})`,
    '1: HOP(TABLE clicks, DESCRI',
    'the slide, then the size',
  ],
  [
    `INSERT INTO x SELECT k FROM TUMBLE(TABLE clicks PARTITION BY k, DESCRIPTOR(ts), ${minute})`,
    '1: TUMBLE(TABLE clicks PART',
    'arguments of TUMBLE',
  ],
  [
    `INSERT INTO x SELECT k FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '0' MINUTE)`,
    "1: '0' MINUTE)",
    'more than nothing',
  ],
  [
    `INSERT INTO x SELECT k FROM HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '2' MINUTES, INTERVAL '5' MINUTES)`,
    '1: HOP(TABLE clicks, DESCRI',
    'a multiple of its slide: it is 5 minutes, of 2 minutes',
  ],
  [
    `INSERT INTO x SELECT k FROM CUMULATE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' MINUTES, INTERVAL '2' MINUTES)`,
    '1: CUMULATE(TABLE clicks, D',
    'a multiple of its step',
  ],
  [
    `INSERT INTO x SELECT k FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MONTH)`,
    "1: '1' MONTH)",
    'calendar months',
  ],
  [
    `INSERT INTO x SELECT k FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), size)`,
    '1: size)',
    'a constant interval',
  ],
  [`WITH`, '1: WITH', 'INSERT INTO target SELECT'],
  [
    `INSERT INTO x WITH m AS (SELECT window_start AS t FROM ${tumble}) SELECT count(*) FROM TUMBLE(TABLE m, DESCRIPTOR(t), ${minute}) GROUP BY window_start, window_end`,
    '1: t), INTERVAL',
    'take window_time',
  ],
  [
    `INSERT INTO x WITH m AS (SELECT * FROM ${tumble}) SELECT count(*) FROM TUMBLE(TABLE m, DESCRIPTOR(window_time), ${minute}) GROUP BY window_start, window_end`,
    '1: m, DESCRIPTOR(window_tim',
    'AS earlier_window_start',
  ],
  [`INSERT INTO x SELECT k FROM live.clicks`, '1: live.clicks', 'write "live.clicks"'],
  [
    `INSERT INTO x SELECT ts FROM clicks a JOIN views b ON a.k = b.k AND b.at BETWEEN a.at AND a.at + ${minute}`,
    '1: ts FROM clicks a JOIN vi',
    'a.ts or b.ts',
  ],
  [
    `INSERT INTO x SELECT k FROM clicks PIVOT (count(*) FOR k IN (1, 2))`,
    '1: PIVOT (count(*) FOR k IN',
    'FILTER',
  ],
]

it.each(refused)('refuses %s', async (text, place, words) => {
  const fault = await planner()
    .plan(text)
    .then(
      () => undefined,
      (error: unknown) => error as PlanFault,
    )
  expect(fault?.name).toBe('PlanFault')
  const line = text.split('\n')[fault!.place.line - 1]!
  expect(fault!.place.line + ': ' + line.slice(fault!.place.column - 1)).toContain(place)
  expect(fault!.message).toContain(words)
})
