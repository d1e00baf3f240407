// Statements of a text, inputs of a plan, and what a batch reads.
import { expect, it } from 'vitest'
import { createInputs, minute, plannerOfTests, runBetween, tumble } from './planner.ts'

const planner = plannerOfTests()

it('shows the line of a fault and where in it', async () => {
  await expect(planner().plan('INSERT INTO x\n  SELECT k, now()\nFROM clicks')).rejects.toThrow(
    /^Line 2, column 13: now\(\).*\n {4}SELECT k, now\(\)\n {14}\^$/,
  )
})

it('splits statements at semicolons alone, not at those in strings, names and comments', async () => {
  const plan = await planner().plan(
    `INSERT INTO a SELECT ';' AS x, k FROM clicks; -- ;\nINSERT INTO "b;c" (x, "y;z") SELECT $$;$$, k /* ; /* ; */ ; */ FROM "cl;icks";\n;`,
  )
  expect(
    plan.statements.map(({ target, targetColumns, place }) => [target, targetColumns, place.line]),
  ).toEqual([
    ['a', [], 1],
    ['b;c', ['x', 'y;z'], 2],
  ])
  expect(plan.inputs.map(({ stream }) => stream)).toEqual(['clicks', 'cl;icks'])
})

it('reads a stream once for all statements that go by the same time', async () => {
  const plan = await planner().plan(
    `INSERT INTO a SELECT count(*) FROM ${tumble} GROUP BY window_start, window_end;
     INSERT INTO b SELECT k, count(*) FROM HOP(TABLE clicks, DESCRIPTOR(ts), ${minute}, INTERVAL '2' MINUTES) GROUP BY window_start, window_end, k;
     INSERT INTO c SELECT page FROM clicks`,
  )
  expect(plan.statements.map(({ inputs }) => inputs)).toEqual([[0], [0], [1]])
  expect(plan.inputs.map(({ columns, hold }) => [columns, hold])).toEqual([
    [['ts', 'k'], 120e6],
    [['page'], undefined],
  ])
})

it('makes statements that write to names of the query part of those that read them', async () => {
  const plan = await planner().plan(
    `INSERT INTO step (seen, page) SELECT ts, lower(path) FROM clicks;
     INSERT INTO per_minute SELECT window_start, page, count(*) FROM TUMBLE(TABLE step, DESCRIPTOR(seen), ${minute}) GROUP BY window_start, window_end, page`,
    { inQuery: ['step'] },
  )
  expect(plan.statements.map(({ target }) => target)).toEqual(['per_minute'])
  expect(plan.inputs).toMatchObject([{ stream: 'clicks', columns: ['ts', 'path'], time: 'ts', hold: 60e6 }])
})

it('names the files that a statement reads', async () => {
  const plan = await planner().plan(
    `INSERT INTO x SELECT c.k FROM clicks c JOIN 'pages.csv' p ON c.k = p.k JOIN read_json('users.json') u ON c.u = u.u`,
  )
  expect(plan.statements[0]!.files).toEqual(['pages.csv', 'users.json'])
})

it('tells which columns of a known stream are read, in its order and with its names', async () => {
  const columnsOf = (stream: string) => (stream === 'clicks' ? ['Page', 'ts', 'size', 'user'] : ['id'])
  const plan = await planner().plan('INSERT INTO x SELECT size, page, id FROM clicks, (SELECT 1 AS id)', {
    columnsOf,
  })
  expect(plan.inputs[0]!.columns).toEqual(['Page', 'size'])
})

it('loses nothing of numbers', async () => {
  const plan = await planner().plan(
    'INSERT INTO x SELECT 9007199254740993 AS a, 1.10::DOUBLE AS b, 170141183460469231731687303715884105727 AS c, 1e300 AS d, k FROM clicks',
    { columnsOf: () => ['ts', 'k', 'v'] },
  )
  await createInputs(planner().session, plan)
  await planner().session.run(`INSERT INTO ${plan.inputs[0]!.held} (k) VALUES ('x')`)
  expect(await runBetween(planner().session, plan.statements[0]!, undefined, 0)).toEqual([
    { a: '9007199254740993', b: 1.1, c: '170141183460469231731687303715884105727', d: 1e300, k: 'x' },
  ])
})

it.each([
  [
    `arrival_time >= TIMESTAMP '2026-01-01' AND arrival_time < TIMESTAMP '2026-01-02'`,
    { from: 1767225600e6, until: 1767312000e6 },
  ],
  [
    `arrival_time BETWEEN '2026-01-01' AND '2026-01-02' AND k = 'a'`,
    { from: 1767225600e6, until: 1767312000e6 + 1 },
  ],
  [`TIMESTAMP '2026-01-01' < arrival_time`, { from: 1767225600e6 + 1 }],
  [`arrival_time > TIMESTAMP '2026-01-01' - INTERVAL '1' DAY`, { from: 1767139200e6 + 1 }],
  [`arrival_time > TIMESTAMP '2026-01-01' OR k = 'a'`, {}],
  [`arrival_time + INTERVAL '1' DAY > TIMESTAMP '2026-01-01'`, {}],
  [`arrival_time < now()`, {}],
  [`arrival_time > ts`, {}],
] as const)('reads of a batch WHERE %s only what arrived then', async (condition, arrival) => {
  const plan = await planner().plan(
    `SELECT k, count(*) FROM clicks WHERE ${condition} GROUP BY k ORDER BY 2 LIMIT 3`,
    {
      isContinuous: false,
    },
  )
  expect(plan.inputs[0]!.arrival).toEqual(arrival)
})

it.each([
  [`WITH c AS (SELECT * FROM clicks) SELECT count(*) FROM c WHERE arrival_time > '2026-01-01'`, true],
  [`SELECT count(*) FROM ${tumble} WHERE arrival_time > '2026-01-01'`, true],
  [`SELECT * FROM (SELECT * FROM clicks LIMIT 10) WHERE arrival_time > '2026-01-01'`, false],
  [
    `SELECT * FROM (SELECT max(arrival_time) AS arrival_time FROM clicks) WHERE arrival_time > '2026-01-01'`,
    false,
  ],
  [
    `SELECT * FROM (SELECT *, row_number() OVER (ORDER BY ts) FROM clicks) WHERE arrival_time > '2026-01-01'`,
    false,
  ],
  [
    `SELECT count(*) FROM SESSION(TABLE clicks, DESCRIPTOR(ts), ${minute}) WHERE arrival_time > '2026-01-01'`,
    false,
  ],
  [`SELECT (SELECT count(*) FROM 'x.csv' WHERE c.arrival_time > '2026-01-01') FROM clicks c`, false],
  [`SELECT a.k FROM clicks a, clicks b WHERE a.arrival_time > '2026-01-01'`, false],
] as const)('of a batch, prunes what %s reads: %s', async (text, isPruned) => {
  const plan = await planner().plan(text, { isContinuous: false })
  expect('from' in plan.inputs[0]!.arrival).toBe(isPruned)
})

it('lets a batch ask what a query that runs for ever may not', async () => {
  const plan = await planner().plan(
    `SELECT DISTINCT a.k, now() FROM clicks a JOIN views b ON a.k = b.k WHERE a.k IN (SELECT k FROM users) ORDER BY 1 LIMIT 3`,
    { isContinuous: false },
  )
  expect(plan.inputs.map(({ stream }) => stream)).toEqual(['clicks', 'views', 'users'])
  expect(plan.statements[0]!.target).toBeUndefined()
})
