// A planner over a database of its own, and a runner of plans in small: for tests.
import { afterAll, beforeAll } from 'vitest'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Engine, type EngineRow, type EngineSession } from '../../src/engine/index.ts'
import { SqlParser } from '../../src/plan/text/parser.ts'
import { planQuery, type PlanOptions } from '../../src/plan/plan-query.ts'
import type { PlannedStatement, QueryPlan } from '../../src/plan/query-plan.ts'

export interface Planner extends AsyncDisposable {
  readonly session: EngineSession
  plan(text: string, options?: Partial<PlanOptions>): Promise<QueryPlan>
}

async function openPlanner(): Promise<Planner> {
  const engine = await Engine.open({
    memory: 2 ** 28,
    threads: 1,
    spoolDir: join(tmpdir(), `analytics-planner-${process.pid}`),
  })
  const session = await engine.session()
  const parser = new SqlParser(session)
  return {
    session,
    plan: (text, options = {}) => planQuery(text, { parser, isContinuous: true, ...options }),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}

/** A planner that the tests of a file share. */
export function plannerOfTests(): () => Planner {
  let planner: Planner
  beforeAll(async () => {
    planner = await openPlanner()
  })
  afterAll(() => planner[Symbol.asyncDispose]())
  return () => planner
}

export const minute = `INTERVAL '1' MINUTE`

/** A table of windows over the stream of most tests. */
export const tumble = `TUMBLE(TABLE clicks, DESCRIPTOR(ts), ${minute})`

/** A row of an input: its time in microseconds, a key, a value. */
export interface TestRow {
  readonly at: number
  readonly k: string
  readonly v: number
}

/** Columns of every input of these tests. */
export const testColumns = ['ts', 'k', 'v']

/** Makes the tables of a plan, empty. */
export async function createInputs(session: EngineSession, { inputs }: QueryPlan): Promise<void> {
  for (const { held, relation } of inputs) {
    await session.run(
      `CREATE OR REPLACE TEMP TABLE ${held} (ts TIMESTAMP, k VARCHAR, v BIGINT, millrace_time TIMESTAMP)`,
    )
    await session.run(`CREATE OR REPLACE TEMP VIEW ${relation} AS SELECT ts, k, v FROM ${held}`)
  }
}

export async function hold(session: EngineSession, held: string, rows: readonly TestRow[]): Promise<void> {
  if (rows.length === 0) return
  const values = rows.map(({ at, k, v }) => `(make_timestamp(${at}), '${k}', ${v}, make_timestamp(${at}))`)
  await session.run(`INSERT INTO ${held} VALUES ${values.join(', ')}`)
}

/** Runs a statement between two watermarks, in microseconds. */
export async function runBetween(
  session: EngineSession,
  { sql }: PlannedStatement,
  after: number | undefined,
  until: number,
): Promise<readonly EngineRow[]> {
  await session.run(
    `SET VARIABLE millrace_after = ${after === undefined ? `TIMESTAMP '-infinity'` : `make_timestamp(${after})`}`,
  )
  await session.run(`SET VARIABLE millrace_until = make_timestamp(${until})`)
  return session.rows(sql)
}

/** Runs a plan of one statement as watermarks pass; before each, the rows before it are there and others of the future. */
export async function runInSteps(
  session: EngineSession,
  plan: QueryPlan,
  rowsOf: readonly (readonly TestRow[])[],
  watermarks: readonly number[],
  ahead: number,
): Promise<readonly EngineRow[]> {
  await createInputs(session, plan)
  const results: EngineRow[] = []
  let after: number | undefined
  let had = -Infinity
  for (const until of watermarks) {
    for (const [at, { held }] of plan.inputs.entries())
      await hold(
        session,
        held,
        rowsOf[at]!.filter((row) => row.at >= had && row.at < until + ahead),
      )
    had = until + ahead
    results.push(...(await runBetween(session, plan.statements[0]!, after, until)))
    for (const { held, needed } of plan.inputs)
      await session.run(`DELETE FROM ${held} WHERE NOT coalesce(${needed}, false)`)
    after = until
  }
  return results
}

/** Runs a plan of one statement over all rows at once. */
export async function runAtOnce(
  session: EngineSession,
  plan: QueryPlan,
  rowsOf: readonly (readonly TestRow[])[],
): Promise<readonly EngineRow[]> {
  await createInputs(session, plan)
  for (const [at, { held }] of plan.inputs.entries()) await hold(session, held, rowsOf[at]!)
  return session.rows(plan.statements[0]!.batchSql)
}

/** Rows in an order of their own, as text. */
export function sorted(rows: readonly EngineRow[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row)).sort()
}
