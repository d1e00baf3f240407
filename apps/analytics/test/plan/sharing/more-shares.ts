// Questions that are shared, or are not, for a reason that no question of the dialect has.
import { at, rows, type CaseStream, type DialectCase } from '../../support/dialect/case.ts'

const columns = {
  ts: 'TIMESTAMP',
  k: 'VARCHAR',
  m: 'VARCHAR',
  v: 'BIGINT',
  d: 'DOUBLE',
  s: 'STRUCT(id BIGINT, "at" TIMESTAMP)',
  tags: 'VARCHAR[]',
}

const stream: CaseStream = {
  columns,
  records: rows(
    'ts k m v d s tags',
    [at('10:00:00'), 'a', 'x', 1, 0, '{id: 1}', '[r, g]'],
    [at('10:00:20'), 'A', 'y', 2, '-0.0', '{id: 2}', '[g]'],
    [at('10:00:40'), 'b', 'x', 10, 1.5, '{id: 1}', '[]'],
    [at('10:01:10'), null, null, null, null, null, null],
    [at('10:02:30'), 'x', 'a', 1, 2, '{id: null}', '[r, r]'],
  ),
}

const minute = `INTERVAL '1' MINUTE`
const window = (name: string) => `TUMBLE(TABLE ${name}, DESCRIPTOR(ts), ${minute})`
const bounds = 'window_start, window_end'
const joined = (how: string, more: string) =>
  `${window('a')} l ${how} JOIN ${window('b')} r ON l.window_start = r.window_start AND l.window_end = r.window_end AND ${more}`
const near = `r.ts BETWEEN l.ts AND l.ts + ${minute}`

function question(sql: string): DialectCase {
  const streams = /\bb\b/.test(sql) ? { a: stream, b: stream } : { a: stream }
  return { name: sql, from: 'None', streams, sql, expected: {} }
}

/** SQL, and what it is shared by, or why it is not. */
const found: readonly (readonly [string, string])[] = [
  [`SELECT k, m, count(*) AS n FROM ${window('a')} GROUP BY k, m, ${bounds}`, 'a: k, m'],
  [
    `SELECT k, m, count(*) AS n FROM ${window('a')} GROUP BY GROUPING SETS ((k, m, ${bounds}), (k, ${bounds}))`,
    'a: k',
  ],
  [`SELECT lower(k) AS low, count(*) AS n FROM ${window('a')} GROUP BY 1, ${bounds}`, 'a: lower(k)'],
  [`SELECT lower(k) AS low, count(*) AS n FROM ${window('a')} GROUP BY low, ${bounds}`, 'a: lower(k)'],
  [`SELECT m AS k, count(*) AS n FROM ${window('a')} GROUP BY k, m, ${bounds}`, 'a: m'],
  [`SELECT s.id AS id, count(*) AS n FROM ${window('a')} GROUP BY s.id, ${bounds}`, 'a: s.id'],
  [`SELECT d, count(*) AS n FROM ${window('a')} GROUP BY d, ${bounds}`, 'a: (d) + 0'],
  [
    `SELECT k, count(*) AS n FROM (SELECT * REPLACE (lower(k) AS k) FROM ${window('a')}) GROUP BY k, ${bounds}`,
    'a: lower(k)',
  ],
  [`SELECT DISTINCT window_start, window_end, k FROM ${window('a')}`, 'a: k'],
  [
    `SELECT DISTINCT ON (window_start, window_end, k) window_start, window_end, k, v FROM ${window('a')} ORDER BY v`,
    'a: k',
  ],
  [
    `SELECT k, sum(n) AS n FROM TUMBLE(TABLE w, DESCRIPTOR(t), INTERVAL '2' MINUTE) GROUP BY k, ${bounds}`,
    'a: k',
  ],
  [
    `SELECT partition_key AS p, count(*) AS n FROM ${window('a')} GROUP BY partition_key, k, ${bounds}`,
    'partition key',
  ],
  [`SELECT l.k, r.m FROM a l JOIN b r ON l.partition_key = r.partition_key AND ${near}`, 'partition key'],
  [`SELECT l.k, r.m FROM a l JOIN b r ON l.k = r.m AND l.v = r.v AND ${near}`, 'a: k, v; b: m, v'],
  [`SELECT l.k, r.v FROM a l JOIN a r ON l.k = r.k AND ${near}`, 'a: k'],
  [
    `SELECT l.k, r.v FROM a l JOIN b r ON l.k = CAST(r.v AS VARCHAR) AND ${near}`,
    'a: k; b: TRY_CAST(v AS VARCHAR)',
  ],
  [
    `SELECT l.k, r.m, count(*) OVER (PARTITION BY l.k ORDER BY l.ts RANGE ${minute} PRECEDING) AS n FROM a l JOIN b r ON l.k = r.m AND ${near}`,
    'a: k; b: m',
  ],
  [
    `SELECT l.k, count(r.v) AS n FROM ${joined('LEFT', 'l.k = r.m')} GROUP BY l.k, l.window_start, l.window_end`,
    'a: k; b: m',
  ],
  [
    `SELECT r.m, count(l.v) AS n FROM ${joined('RIGHT', 'l.k = r.m')} GROUP BY r.m, r.window_start, r.window_end`,
    'a: k; b: m',
  ],
  [`SELECT l.k, r.m FROM ${joined('FULL', 'l.k = r.m')}`, 'a: k; b: m'],
  [
    `SELECT k, l.v AS lv, r.v AS rv FROM ${window('a')} l JOIN ${window('b')} r USING (window_start, window_end, k)`,
    'a: k; b: k',
  ],
  [
    `SELECT k, count(*) AS n FROM TUMBLE(TABLE u, DESCRIPTOR(ts), ${minute}) GROUP BY k, ${bounds}`,
    'a: k; b: m',
  ],
  [
    `SELECT l.k, l.v FROM a l WHERE l.m NOT IN (SELECT r.m FROM b r WHERE r.k = l.k AND r.ts BETWEEN l.ts - ${minute} AND l.ts)`,
    'a: k; b: k',
  ],
  [
    `SELECT l.k, count(*) AS n FROM ${joined('INNER', 'l.k = r.m')} GROUP BY r.k, l.k, l.window_start, l.window_end`,
    'a: k; b: m',
  ],

  [
    `SELECT r.m, count(*) AS n FROM ${joined('LEFT', 'l.k = r.m')} GROUP BY r.m, l.window_start, l.window_end`,
    'not: Rows of a window',
  ],
  [
    `SELECT l.k, count(*) AS n FROM ${joined('FULL', 'l.k = r.m')} GROUP BY l.k, l.window_start, l.window_end`,
    'not: Rows of a window',
  ],
  [`SELECT l.k, r.m FROM ${joined('INNER', 'l.k <> r.m')}`, 'not: Rows are joined here'],
  [`SELECT l.k, r.v FROM a l JOIN b r ON l.k = r.v AND ${near}`, 'of another one in each stream'],
  [`SELECT l.k, r.v FROM a l JOIN a r ON l.k = r.m AND ${near}`, 'not: '],
  [`SELECT count(*) AS n FROM ${window('a')} GROUP BY k COLLATE NOCASE, ${bounds}`, 'not: '],
  [
    `SELECT k, count(*) AS n FROM (SELECT k COLLATE NOCASE AS k, window_start, window_end FROM ${window('a')}) GROUP BY k, ${bounds}`,
    'not: ',
  ],
  [
    `SELECT tag, count(*) AS n FROM (SELECT unnest(tags) AS tag, window_start, window_end FROM ${window('a')}) GROUP BY tag, ${bounds}`,
    'not: ',
  ],
  [`SELECT s, count(*) AS n FROM ${window('a')} GROUP BY s, ${bounds}`, 'several ways'],
  [
    `SELECT x, count(*) AS n FROM (SELECT * RENAME (k AS x, m AS k) FROM ${window('a')}) GROUP BY x, ${bounds}`,
    'not: ',
  ],
  [`SELECT DISTINCT COLUMNS('window_.*') FROM ${window('a')}`, 'not: Rows of a window that are the same'],
  [
    `SELECT k, sum(v) OVER (ORDER BY ts RANGE ${minute} PRECEDING) AS n FROM a`,
    'not: This looks at rows of all keys',
  ],
  [
    `SELECT window_start, count(*) AS n FROM SESSION(TABLE a, DESCRIPTOR(ts), ${minute}) GROUP BY k, ${bounds}`,
    'not: These windows are',
  ],
  [
    `SELECT k, count(*) AS n FROM (SELECT CAST(window_start AS VARCHAR) AS k, window_start, window_end FROM ${window('a')}) GROUP BY k, ${bounds}`,
    'not: Rows of a window',
  ],
  [
    `SELECT l.k, l.v FROM a l WHERE l.m NOT IN (SELECT r.m FROM b r WHERE r.ts BETWEEN l.ts - ${minute} AND l.ts)`,
    'not: Rows are looked for',
  ],
]

/** Statements together. */
const several: readonly (readonly [string, string])[] = [
  [
    `INSERT INTO x SELECT k, m, count(*) AS n FROM ${window('a')} GROUP BY k, m, ${bounds}; INSERT INTO y SELECT m, count(*) AS n FROM ${window('a')} GROUP BY m, ${bounds}`,
    'a: m',
  ],
  [
    `INSERT INTO x SELECT k, count(*) AS n FROM ${window('a')} GROUP BY k, ${bounds}; INSERT INTO y SELECT m, v, count(*) AS n FROM ${window('b')} GROUP BY m, v, ${bounds}`,
    'a: k; b: m, v',
  ],
  [
    `INSERT INTO x SELECT k, count(*) AS n FROM ${window('a')} GROUP BY k, ${bounds}; INSERT INTO y SELECT k, v FROM b WHERE v > 1`,
    'a: k; b: partition_key',
  ],
  [
    `INSERT INTO x SELECT k, count(*) AS n FROM ${window('a')} GROUP BY k, ${bounds}; INSERT INTO y SELECT m, count(*) AS n FROM ${window('a')} GROUP BY m, ${bounds}`,
    'Rows of a are put together by m here, and by k before',
  ],
]

const tables: Readonly<Record<string, string>> = {
  w: `WITH w AS (SELECT k, m, window_time AS t, count(*) AS n FROM ${window('a')} GROUP BY k, m, window_start, window_end, window_time) `,
  u: 'WITH u AS (SELECT k, ts, v FROM a UNION ALL BY NAME SELECT ts, v, m AS k FROM b) ',
}

export const moreShares = [
  ...found.map(([select, share]) => {
    const name = /TABLE ([wu])\b/.exec(select)?.[1] ?? ''
    return { one: question(`INSERT INTO x ${tables[name] ?? ''}${select}`), share }
  }),
  ...several.map(([sql, share]) => ({ one: question(sql), share })),
]
