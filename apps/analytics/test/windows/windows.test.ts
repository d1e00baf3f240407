// Windows: what runs between watermarks give is together what one run over all rows gives, and what is computed by hand.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { plannerOfTests, runAtOnce, runInSteps, sorted, testColumns, type TestRow } from '../plan/planner.ts'

const planner = plannerOfTests()

const SECOND = 1_000_000

/** Times about 1970, many of them on bounds of windows or next to them. */
const times = fc
  .tuple(fc.integer({ min: -20, max: 20 }), fc.constantFrom(0, 0, 1, -1, 500_000))
  .map(([seconds, beside]) => seconds * SECOND + beside)
const rows = fc.array(
  fc.record({ at: times, k: fc.constantFrom('a', 'b'), v: fc.integer({ min: -3, max: 3 }) }),
  { maxLength: 25, size: 'max' },
)
const watermarks = fc
  .uniqueArray(times, { minLength: 1, maxLength: 6, size: 'max' })
  .map((each) => [...each.sort((a, b) => a - b), 1_000 * SECOND])
const ahead = fc.constantFrom(0, 3 * SECOND, 100 * SECOND)

interface ByHand {
  readonly start: number
  readonly end: number
  readonly k: string
  readonly v: number
}

const floored = (at: number, length: number, offset: number) =>
  Math.floor((at - offset) / length) * length + offset

function fixed(ends: (at: number) => readonly (readonly [number, number])[]) {
  return (all: readonly TestRow[]): readonly ByHand[] =>
    all.flatMap(({ at, k, v }) => ends(at).map(([start, end]) => ({ start, end, k, v })))
}

const byKey = (all: readonly TestRow[]) =>
  ['a', 'b'].map((key) => all.filter(({ k }) => k === key).sort((a, b) => a.at - b.at))

function sessionsOf(gap: number) {
  return (all: readonly TestRow[]): readonly ByHand[] =>
    byKey(all).flatMap((ofKey) => {
      const sessions: TestRow[][] = []
      for (const row of ofKey) {
        const last = sessions.at(-1)?.at(-1)
        if (last !== undefined && row.at - last.at <= gap) sessions.at(-1)!.push(row)
        else sessions.push([row])
      }
      return sessions.flatMap((session) =>
        session.map(({ k, v }) => ({ start: session[0]!.at, end: session.at(-1)!.at + gap, k, v })),
      )
    })
}

/** Windows follow one another in chains of six at most, which begin anew at full multiples of six sizes. */
function staggersOf(size: number) {
  return (all: readonly TestRow[]): readonly ByHand[] =>
    byKey(all).flatMap((ofKey) => {
      let start = -Infinity
      let end = -Infinity
      return ofKey.map(({ at, k, v }) => {
        if (at >= end) {
          start = at
          end = Math.min(at + size, floored(at, 6 * size, 0) + 6 * size)
        }
        return { start, end, k, v }
      })
    })
}

const cases = [
  [
    'TUMBLE',
    `TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '5' SECONDS)`,
    fixed((at) =>
      [5].map((size) => {
        const start = floored(at, size * SECOND, 0)
        return [start, start + size * SECOND] as const
      }),
    ),
  ],
  [
    'TUMBLE with an offset',
    `TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '7' SECONDS, INTERVAL '-2' SECONDS)`,
    fixed((at) => {
      const start = floored(at, 7 * SECOND, -2 * SECOND)
      return [[start, start + 7 * SECOND]]
    }),
  ],
  [
    'HOP',
    `HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '3' SECONDS, INTERVAL '9' SECONDS)`,
    fixed((at) =>
      [0, 1, 2].map((back) => {
        const start = floored(at, 3 * SECOND, 0) - back * 3 * SECOND
        return [start, start + 9 * SECOND] as const
      }),
    ),
  ],
  [
    'CUMULATE',
    `CUMULATE(TABLE s, DESCRIPTOR(ts), INTERVAL '2' SECONDS, INTERVAL '8' SECONDS)`,
    fixed((at) => {
      const start = floored(at, 8 * SECOND, 0)
      return [2, 4, 6, 8].map((step) => [start, start + step * SECOND] as const).filter(([, end]) => end > at)
    }),
  ],
  [
    'SESSION',
    `SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '3' SECONDS)`,
    sessionsOf(3 * SECOND),
  ],
  [
    'STAGGER',
    `STAGGER(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECONDS)`,
    staggersOf(4 * SECOND),
  ],
] as const

const shown = (at: number) => `${new Date(Math.floor(at / 1000)).toISOString().slice(0, 19)}${fraction(at)}Z`

function fraction(at: number): string {
  const micros = ((at % SECOND) + SECOND) % SECOND
  return micros === 0 ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`
}

function countedByHand(all: readonly ByHand[]) {
  const groups = new Map<
    string,
    { window_start: string; window_end: string; window_time: string; k: string; n: number; total: string }
  >()
  const totals = new Map<string, number>()
  for (const { start, end, k, v } of all) {
    const key = `${start} ${end} ${k}`
    totals.set(key, (totals.get(key) ?? 0) + v)
    groups.set(key, {
      window_start: shown(start),
      window_end: shown(end),
      window_time: shown(end - 1000),
      k,
      n: (groups.get(key)?.n ?? 0) + 1,
      total: String(totals.get(key)),
    })
  }
  return [...groups.values()]
}

it.each(cases)('%s: gives the same in steps, at once, and by hand', async (_, table, byHand) => {
  const plan = await planner().plan(
    `INSERT INTO x SELECT window_start, window_end, window_time, k, count(*)::INTEGER AS n, sum(v)::VARCHAR AS total FROM ${table} GROUP BY window_start, window_end, window_time, k`,
    { columnsOf: () => testColumns },
  )
  await fc.assert(
    fc.asyncProperty(rows, watermarks, ahead, async (all, steps, early) => {
      const expected = sorted(countedByHand(byHand(all)))
      expect(sorted(await runAtOnce(planner().session, plan, [all]))).toEqual(expected)
      expect(sorted(await runInSteps(planner().session, plan, [all], steps, early))).toEqual(expected)
    }),
    { numRuns: 25 },
  )
})

const inSteps = [
  [
    'an OVER',
    `SELECT ts, k, v, sum(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '6' SECONDS PRECEDING AND CURRENT ROW)::INTEGER AS total FROM s`,
  ],
  [
    'an OVER of a SELECT with conditions around it',
    `SELECT * FROM (SELECT ts AS t, k, count(*) OVER (ORDER BY ts RANGE INTERVAL '2' SECONDS PRECEDING)::INTEGER AS n FROM s WHERE v > 0) WHERE n > 1`,
  ],
  [
    'a join in time',
    `SELECT a.ts, b.ts AS other, a.v, b.v AS w FROM s a JOIN r b ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL '2' SECONDS AND a.ts + INTERVAL '5' SECONDS`,
  ],
  [
    'a join in time that keeps rows',
    `SELECT a.ts, b.ts AS other, a.v, b.v AS w FROM s a FULL JOIN r b ON a.k = b.k AND b.ts >= a.ts + INTERVAL '1' SECOND AND b.ts <= a.ts + INTERVAL '4' SECONDS`,
  ],
  [
    'windows of windows',
    `WITH m AS (SELECT window_time AS t, k, sum(v)::INTEGER AS v FROM TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '2' SECONDS) GROUP BY window_start, window_end, window_time, k) SELECT window_start, k, max(v) AS most FROM HOP(TABLE m, DESCRIPTOR(t), INTERVAL '4' SECONDS, INTERVAL '8' SECONDS) GROUP BY window_start, window_end, k`,
  ],
  [
    'windows of sessions',
    `WITH m AS (SELECT window_time AS t, k, count(*)::INTEGER AS v FROM SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '2' SECONDS) GROUP BY window_start, window_end, window_time, k) SELECT window_start, max(v) AS most FROM TUMBLE(TABLE m, DESCRIPTOR(t), INTERVAL '10' SECONDS) GROUP BY window_start, window_end`,
  ],
  [
    'windows of a join',
    `WITH j AS (SELECT a.ts, b.v FROM s a JOIN r b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '3' SECONDS) SELECT window_start, sum(v)::INTEGER AS total FROM TUMBLE(TABLE j, DESCRIPTOR(ts), INTERVAL '4' SECONDS) GROUP BY window_start, window_end`,
  ],
  [
    'a join of windows',
    `SELECT a.window_start, a.n, b.n AS m FROM (SELECT window_start, window_end, count(*)::INTEGER AS n FROM TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '4' SECONDS) GROUP BY ALL) a LEFT JOIN (SELECT window_start, window_end, count(*)::INTEGER AS n FROM TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '4' SECONDS) GROUP BY ALL) b ON a.window_start = b.window_start AND a.window_end = b.window_end`,
  ],
  [
    'the first of each window',
    `SELECT * EXCLUDE (place) FROM (SELECT window_start, window_end, k, v, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY v DESC, ts, k) AS place FROM TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '4' SECONDS)) WHERE place <= 2`,
  ],
  [
    'an OVER of windows',
    `SELECT window_end, avg(n) OVER (ORDER BY window_time RANGE INTERVAL '8' SECONDS PRECEDING) AS mean FROM (SELECT window_end, window_time, count(*) AS n FROM TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '2' SECONDS) GROUP BY window_start, window_end, window_time)`,
  ],
  [
    'an OVER of rows',
    `SELECT ts, k, v, sum(v) OVER (PARTITION BY k ORDER BY ts ROWS 2 PRECEDING)::INTEGER AS total, lag(v, 3, 0) OVER (PARTITION BY k ORDER BY ts) AS before FROM s WHERE v <> 1`,
  ],
  [
    'OVERs of rows and of a range',
    `SELECT ts, v, lag(v) OVER (ORDER BY ts) AS before, max(v) OVER (ORDER BY ts RANGE INTERVAL '4' SECONDS PRECEDING) AS most, first_value(v) OVER (ORDER BY ts RANGE INTERVAL '4' SECONDS PRECEDING) AS first FROM s`,
  ],
  [
    'what has not come for a time',
    `SELECT ts, k, v FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '3' SECONDS PRECEDING) = 1`,
  ],
  [
    'windows of two streams together',
    `WITH u AS (SELECT ts, v FROM s UNION ALL SELECT ts, 10 * v FROM r WHERE v > 0) SELECT window_start, sum(v)::INTEGER AS total FROM HOP(TABLE u, DESCRIPTOR(ts), INTERVAL '2' SECONDS, INTERVAL '4' SECONDS) GROUP BY window_start, window_end`,
  ],
  [
    'a join of three in time',
    `SELECT a.ts, b.ts AS t2, c.ts AS t3, a.v, c.v AS w FROM s a JOIN r b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '3' SECONDS LEFT JOIN q c ON c.k = a.k AND c.ts BETWEEN a.ts - INTERVAL '2' SECONDS AND a.ts + INTERVAL '1' SECOND`,
  ],
  [
    'a join of three in time, by the second',
    `SELECT a.ts, b.ts AS t2, c.ts AS t3, a.v, c.v AS w FROM s a LEFT JOIN r b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '3' SECONDS JOIN q c ON c.ts >= b.ts AND c.ts < b.ts + INTERVAL '2' SECONDS`,
  ],
  [
    'rows that have others within a time',
    `SELECT a.ts, a.v FROM s a WHERE EXISTS (SELECT 1 FROM r b WHERE b.k = a.k AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts + INTERVAL '3' SECONDS)`,
  ],
  [
    'rows that have no others within a time, in windows',
    `WITH m AS (SELECT a.ts, a.v FROM s a WHERE a.k NOT IN (SELECT b.k FROM r b WHERE b.ts > a.ts AND b.ts < a.ts + INTERVAL '3' SECONDS)) SELECT window_start, count(*)::INTEGER AS n FROM TUMBLE(TABLE m, DESCRIPTOR(ts), INTERVAL '4' SECONDS) GROUP BY window_start, window_end`,
  ],
  [
    'rows of windows that others have, or not',
    `SELECT window_start, v FROM TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '4' SECONDS) a WHERE v IN (SELECT v FROM TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '4' SECONDS) b WHERE a.window_start = b.window_start AND a.window_end = b.window_end) AND NOT EXISTS (SELECT 1 FROM TUMBLE(TABLE q, DESCRIPTOR(ts), INTERVAL '4' SECONDS) c WHERE a.window_start = c.window_start AND a.window_end = c.window_end AND c.k = a.k)`,
  ],
  [
    'the first of each window by an order that leaves it open',
    `SELECT DISTINCT ON (window_start, window_end, k) window_start, window_end, k, v, first(v ORDER BY ts) OVER (PARTITION BY window_start, window_end ORDER BY v RANGE 1 PRECEDING) AS f FROM TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '4' SECONDS) ORDER BY ts`,
  ],
] as const

/** A row that a watermark within the last millisecond of its windows has not passed. */
const onWatermark: [TestRow[], TestRow[], TestRow[], number[], number] = [
  [{ at: -6 * SECOND - 1, k: 'a', v: 1 }],
  [],
  [],
  [-6 * SECOND - 1, 0, 1_000 * SECOND],
  0,
]

it.each(inSteps)('%s: gives the same in steps as at once', async (_, select) => {
  const plan = await planner().plan(`INSERT INTO x ${select}`, { columnsOf: () => testColumns })
  await fc.assert(
    fc.asyncProperty(rows, rows, rows, watermarks, ahead, async (s, r, q, steps, early) => {
      const distinct = plan.inputs.map(({ stream }) => ({ s, r, q })[stream]!)
      const expected = sorted(await runAtOnce(planner().session, plan, distinct))
      expect(sorted(await runInSteps(planner().session, plan, distinct, steps, early))).toEqual(expected)
    }),
    { numRuns: 25, examples: [onWatermark] },
  )
})
