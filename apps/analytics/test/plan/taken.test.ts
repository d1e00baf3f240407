// Queries that run for ever: their kind, and what they read, by which time, for how long.
import { expect, it } from 'vitest'
import { minute, plannerOfTests, tumble } from './planner.ts'

const planner = plannerOfTests()

/** A SELECT, its kind, and its inputs as `stream(columns) by time held seconds`. */
const taken: readonly (readonly [string, string, string])[] = [
  ['SELECT page FROM clicks', 'rows', 'clicks(page)'],
  ['SELECT * FROM clicks', 'rows', 'clicks(*)'],
  ['FROM clicks SELECT upper(page) AS page WHERE size > 3', 'rows', 'clicks(page size)'],
  ['SELECT c.page, c.user.name FROM clicks AS c', 'rows', 'clicks(page user)'],
  ['SELECT a, b FROM clicks UNION ALL SELECT c, d FROM views', 'rows', 'clicks(a b); views(c d)'],
  [
    `SELECT regexp_extract(line, '(\\d+)', 1) AS code FROM logs WHERE line LIKE '%error%'`,
    'rows',
    'logs(line)',
  ],
  [
    `SELECT c.k, p.name FROM clicks c LEFT JOIN 'pages.csv' p ON c.k = p.k`,
    'rows',
    'clicks(k sequence_number shard_id)',
  ],
  [
    `SELECT c.k, p.name FROM clicks c JOIN read_csv('pages.csv') p ON c.k = p.k`,
    'rows',
    'clicks(k sequence_number shard_id)',
  ],
  [`SELECT k FROM clicks WHERE k IN (SELECT k FROM 'keys.parquet')`, 'rows', 'clicks(k)'],
  [`SELECT list_transform(items, lambda i: i + 1) FROM clicks`, 'rows', 'clicks(items)'],
  [`SELECT size AS bytes FROM "my-clicks.v2" WHERE bytes > 3`, 'rows', 'my-clicks.v2(size)'],
  [`WITH c AS (SELECT page AS p FROM clicks) SELECT p FROM c`, 'rows', 'clicks(page)'],
  [
    `WITH n AS (SELECT 1 AS one) SELECT page, one FROM clicks, n`,
    'rows',
    'clicks(page sequence_number shard_id)',
  ],
  [
    `SELECT c.k, r.rate FROM clicks c ASOF JOIN 'rates.csv' r ON c.k = r.k AND c.ts >= r.valid_from`,
    'rows',
    'clicks(k sequence_number shard_id ts)',
  ],
  [
    `SELECT window_start, count(*) FROM ${tumble} GROUP BY window_start, window_end`,
    'windows',
    'clicks(ts) by ts held 60',
  ],
  [`SELECT * FROM ${tumble}`, 'windows', 'clicks(*) by ts held 60'],
  [
    `SELECT window_start, window_end, count(*) FROM ${tumble} GROUP BY ALL`,
    'windows',
    'clicks(ts) by ts held 60',
  ],
  [
    `SELECT window_start, count(*) FROM TUMBLE(TABLE visits, DESCRIPTOR(visit.at), ${minute}) GROUP BY window_start, window_end`,
    'windows',
    'visits(visit) by visit."at" held 60',
  ],
  [
    `WITH v AS (SELECT v.visit.at AS t FROM visits v) SELECT window_start, count(*) FROM TUMBLE(TABLE v, DESCRIPTOR(t), ${minute}) GROUP BY window_start, window_end`,
    'windows',
    'visits(visit) by visit."at" held 60',
  ],
  [
    `SELECT window_start AS s, window_end AS e, count(*) FROM ${tumble} GROUP BY 1, 2`,
    'windows',
    'clicks(ts) by ts held 60',
  ],
  [
    `SELECT window_start AS s, window_end AS e, count(*) FROM ${tumble} GROUP BY s, e`,
    'windows',
    'clicks(ts) by ts held 60',
  ],
  [
    `SELECT k, count(*) FROM ${tumble} GROUP BY GROUPING SETS ((window_start, window_end), (window_start, window_end, k))`,
    'windows',
    'clicks(k ts) by ts held 60',
  ],
  [
    `SELECT count(DISTINCT k) FROM tumble(clicks, descriptor(ts), ${minute}) t GROUP BY t.window_start, t.window_end`,
    'windows',
    'clicks(k ts) by ts held 60',
  ],
  [
    `SELECT count(*) FROM TUMBLE(DATA => TABLE clicks, TIMECOL => DESCRIPTOR(ts), SIZE => ${minute}) GROUP BY window_start, window_end`,
    'windows',
    'clicks(ts) by ts held 60',
  ],
  [
    `SELECT count(*) FROM HOP(TABLE clicks, DESCRIPTOR(ts), ${minute}, INTERVAL '5' MINUTES) GROUP BY window_start, window_end`,
    'windows',
    'clicks(ts) by ts held 300',
  ],
  [
    `SELECT count(*) FROM CUMULATE(TABLE clicks, DESCRIPTOR(ts), ${minute}, INTERVAL '1' HOUR) GROUP BY window_start, window_end`,
    'windows',
    'clicks(ts) by ts held 3600',
  ],
  [
    `SELECT count(*), k FROM SESSION(TABLE clicks PARTITION BY k, DESCRIPTOR(ts), ${minute}) GROUP BY window_start, window_end, k`,
    'windows',
    'clicks(k ts) by ts held open',
  ],
  [
    `SELECT count(*) FROM SESSION(TABLE clicks PARTITION BY (k, page), DESCRIPTOR(ts), ${minute}) GROUP BY window_start, window_end, k`,
    'windows',
    'clicks(k page ts) by ts held open',
  ],
  [
    `SELECT count(*) FROM SESSION(TABLE clicks, DESCRIPTOR(ts), ${minute}) GROUP BY window_start, window_end`,
    'windows',
    'clicks(ts) by ts held open',
  ],
  [
    `SELECT count(*), k FROM STAGGER(TABLE clicks PARTITION BY k, DESCRIPTOR(ts), ${minute}) GROUP BY window_start, window_end, k`,
    'windows',
    'clicks(k ts) by ts held 360',
  ],
  [
    `SELECT first(page ORDER BY ts), last(page ORDER BY ts) FROM ${tumble} GROUP BY window_start, window_end`,
    'windows',
    'clicks(page ts) by ts held 60',
  ],
  [
    `SELECT * FROM (SELECT window_start, window_end, k, count(*) AS n, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY count(*) DESC) AS place FROM ${tumble} GROUP BY window_start, window_end, k) WHERE place <= 3`,
    'windows',
    'clicks(k ts) by ts held 60',
  ],
  [`SELECT DISTINCT window_start, window_end, k FROM ${tumble}`, 'windows', 'clicks(k ts) by ts held 60'],
  [
    `SELECT k FROM (SELECT DISTINCT ON (window_start, window_end, k) * FROM ${tumble} ORDER BY ts)`,
    'windows',
    'clicks(*) by ts held 60',
  ],
  [
    `SELECT a.k FROM ${tumble} a JOIN TUMBLE(TABLE views, DESCRIPTOR(seen), ${minute}) b USING (window_start, window_end, k)`,
    'windows',
    'clicks(k ts) by ts held 60; views(k seen) by seen held 60',
  ],
  [
    `SELECT window_start, count(*) FROM ${tumble} t JOIN 'pages.csv' p ON t.page = p.page GROUP BY window_start, window_end`,
    'windows',
    'clicks(page ts) by ts held 60',
  ],
  [
    `WITH c AS (SELECT make_timestamp(ms * 1000) AS seen, k FROM clicks) SELECT count(*) FROM TUMBLE(TABLE c, DESCRIPTOR(seen), ${minute}) GROUP BY window_start, window_end`,
    'windows',
    'clicks(k ms) by TRY(make_timestamp(TRY((ms * 1000)))) held 60',
  ],
  [
    `WITH m AS (SELECT window_time AS t, count(*) AS n FROM ${tumble} GROUP BY window_start, window_end, window_time) SELECT sum(n) FROM TUMBLE(TABLE m, DESCRIPTOR(t), INTERVAL '1' HOUR) GROUP BY window_start, window_end`,
    'windows',
    'clicks(ts) by ts held 3660.000999',
  ],
  [
    `SELECT k, sum(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) AS s FROM clicks`,
    'over',
    'clicks(k ts v) by ts held 3600',
  ],
  [
    `SELECT k, avg(v) OVER w AS a, max(v) OVER w AS m FROM clicks WINDOW w AS (PARTITION BY k ORDER BY ts RANGE ${minute} PRECEDING)`,
    'over',
    'clicks(k ts v) by ts held 60',
  ],
  [
    `SELECT k FROM clicks QUALIFY count(*) OVER (PARTITION BY k ORDER BY ts RANGE ${minute} PRECEDING) = 1`,
    'over',
    'clicks(k ts) by ts held 60',
  ],
  [
    `SELECT o.id, s.seen FROM orders o JOIN shipments s ON o.id = s.id AND s.seen BETWEEN o.seen AND o.seen + INTERVAL '4' HOURS`,
    'join',
    'orders(id seen) by seen held 14400; shipments(id seen) by seen held 14400',
  ],
  [
    `SELECT o.id FROM orders o, shipments s WHERE o.id = s.id AND o.seen >= s.seen - INTERVAL '4' HOURS AND o.seen < s.seen`,
    'join',
    'orders(id seen) by seen held 14400; shipments(id seen) by seen held 14400',
  ],
  [
    `SELECT o.id FROM orders o LEFT JOIN shipments s ON o.id = s.id AND s.seen BETWEEN o.seen - ${minute} AND o.seen + ${minute}`,
    'join',
    'orders(id seen) by seen held 120; shipments(id seen) by seen held 120',
  ],
]

it.each(taken)('takes %s', async (select, kind, inputs) => {
  const plan = await planner().plan(`INSERT INTO x ${select}`)
  const shown = plan.inputs.map(({ stream, columns, time, hold }) => {
    const names = columns === 'all' ? '*' : [...columns].sort().join(' ')
    const held = time === undefined ? '' : ` by ${time} held ${hold === undefined ? 'open' : hold / 1e6}`
    return `${stream}(${names})${held}`
  })
  expect([plan.statements[0]!.kind, shown.join('; ')]).toEqual([kind, inputs])
})

/** Types of the columns of these queries; the others are text. */
const types: Readonly<Record<string, string>> = {
  ts: 'TIMESTAMP',
  seen: 'TIMESTAMP',
  ms: 'BIGINT',
  v: 'BIGINT',
  size: 'BIGINT',
  items: 'BIGINT[]',
  user: 'STRUCT(name VARCHAR)',
  visit: 'STRUCT(id BIGINT, "at" TIMESTAMP)',
}

const withoutFiles = taken.filter(([select]) => !/'\w+\.\w+'/.test(select))

it.each(withoutFiles)('gives SQL that DuckDB runs, of %s', async (select) => {
  const { session } = planner()
  const { statements, inputs } = await planner().plan(`INSERT INTO x ${select}`)
  for (const { relation, held, columns, needed, late } of inputs) {
    const names = columns === 'all' ? ['ts', 'k', 'page', 'size', 'shard_id', 'sequence_number'] : columns
    const declared = names.map((name) => `"${name}" ${types[name] ?? 'VARCHAR'}`).join(', ')
    await session.run(`CREATE OR REPLACE TEMP TABLE ${held} (${declared}, millrace_time TIMESTAMP)`)
    await session.run(
      `CREATE OR REPLACE TEMP VIEW ${relation} AS SELECT * EXCLUDE (millrace_time) FROM ${held}`,
    )
    await session.run(`SET VARIABLE millrace_after = TIMESTAMP '-infinity'`)
    await session.run(`SET VARIABLE millrace_until = TIMESTAMP '2026-01-01'`)
    if (needed !== undefined)
      expect(await session.rows(`SELECT rowid FROM ${held} WHERE ${needed}`)).toEqual([])
    if (late !== undefined) expect(await session.rows(`FROM ${held} WHERE ${late}`)).toEqual([])
  }
  expect(await session.rows(statements[0]!.sql)).toEqual([])
  expect(await session.rows(statements[0]!.batchSql)).toEqual([])
})

it.each([
  `SELECT visit.id, count(*) FROM SESSION(TABLE visits PARTITION BY visit.id, DESCRIPTOR(ts), ${minute}) GROUP BY visit.id, window_start, window_end`,
  `SELECT lag(v) OVER (PARTITION BY visit.id ORDER BY ts) FROM visits`,
])('holds what rows of a field of a STRUCT need, by that field: %s', async (select) => {
  const columnsOf = () => ['ts', 'v', 'visit', 'shard_id', 'sequence_number']
  const { inputs } = await planner().plan(`INSERT INTO x ${select}`, { columnsOf })
  const { session } = planner()
  const { held, needed } = inputs[0]!
  await session.run(`CREATE OR REPLACE TEMP TABLE ${held} AS
    SELECT *, 's' AS shard_id, id AS sequence_number, {'id': id % 2, 'at': ts} AS visit, ts AS millrace_time
    FROM (VALUES (0, TIMESTAMP '2026-01-01 00:00:00', 1), (1, TIMESTAMP '2026-01-01 00:00:20', 2), (2, TIMESTAMP '2026-01-01 00:00:40', 3)) t(id, ts, v)`)
  await session.run(`SET VARIABLE millrace_until = TIMESTAMP '2026-01-01 00:01:30'`)
  const rows = await session.rows(`SELECT id FROM ${held} WHERE ${needed} ORDER BY id`)
  expect(rows.map(({ id }) => Number(id))).toEqual(select.includes('SESSION') ? [0, 2] : [1, 2])
})
