// Results of windows that are written already, and that rows which came late have changed. Runs in the app, over a query's session.
//
// They are what a statement gives of its windows with the rows of the last take, less what it gives without them. Of both, the rows are
// those of the windows that the late ones lie in, and of their neighbours as far as they share rows: a neighbour of which a part is
// missing gives the same both times. Rows stand in the order of the stream, so that a step that is computed again gives the same.
import type { EngineSession, EngineStream } from '../../engine/index.ts'
import type { PlannedStatement, PlannedWindow } from '../../plan/query-plan.ts'
import { spoolColumns } from '../../rows/index.ts'
import { countsAgain, stepStart } from '../../windows/lateness.ts'
import { intervalOf } from '../../windows/window.ts'
import type { HeldInput } from '../held-input.ts'

export interface ChangedResultsParts {
  readonly session: EngineSession
  readonly statements: readonly PlannedStatement[]
  /** Of the plan. */
  readonly inputs: readonly HeldInput[]
  /** Microseconds. */
  readonly lateness: number
}

/** Results of a statement that are new, or not what they were. */
export interface ChangedResults {
  readonly statement: PlannedStatement
  /** Computes those between the watermarks that are set. To be called before the next statement is asked for. */
  readonly compute: () => Promise<EngineStream>
}

const [SHARD, SEQUENCE] = Object.keys(spoolColumns) as [string, string]
/** Moments at which the steps begin in which rows are looked at. */
const STEPS = 'millrace_steps_again'
const BEFORE = 'millrace_results_before'

/**
 * Gives the statements of which rows of the last take have changed results. The session's
 * variables say which windows are written, and not final.
 */
export async function* changedResults(
  parts: ChangedResultsParts,
): AsyncGenerator<ChangedResults, void, undefined> {
  const { session, statements, inputs: all } = parts
  for (const statement of statements) {
    const [window] = statement.windows
    const inputs = statement.inputs.map((at) => all[at]!)
    if (window === undefined || inputs.every(({ again }) => again === 0)) continue
    if ((await findSteps(parts, window, inputs)) === 0) continue
    try {
      for (const { fresh, input } of inputs) await session.run(rowsSql(input.held, fresh, window))
      const compute = async (): Promise<EngineStream> => {
        for (const held of inputs) await held.show(`${tableOf(held)} WHERE NOT millrace_is_fresh`)
        await session.run(`CREATE OR REPLACE TEMP TABLE ${BEFORE} AS SELECT * FROM (${statement.sql})`)
        for (const held of inputs) await held.show(tableOf(held))
        return session.stream(
          `SELECT * FROM (SELECT * FROM (${statement.sql}) EXCEPT ALL SELECT * FROM ${BEFORE}) ORDER BY ALL`,
        )
      }
      yield { statement, compute }
    } finally {
      for (const held of inputs) await held.show()
    }
    for (const held of inputs) await session.run(`DROP TABLE ${tableOf(held)}`)
    await session.run(`DROP TABLE IF EXISTS ${BEFORE}; DROP TABLE ${STEPS}`)
  }
}

const tableOf = ({ input }: Pick<HeldInput, 'input'>) => `${input.held}_again`

/** Finds the steps in which windows have rows that rows of the last take are in. Returns how many there are. */
async function findSteps(
  { session, lateness }: ChangedResultsParts,
  window: PlannedWindow,
  inputs: readonly HeldInput[],
): Promise<number> {
  const { size, step = size } = window
  const late = inputs.map(
    ({ fresh }) =>
      `SELECT ${stepStart(window, 'millrace_time')} AS step_start FROM ${fresh} WHERE ${countsAgain(window, 'millrace_time', lateness)}`,
  )
  const others = size / step - 1
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${STEPS} AS SELECT DISTINCT step_start + ${intervalOf(step)} * unnest(range(${-others}, ${others + 1})) AS step_start FROM (${late.join(' UNION ')})`,
  )
  const [row] = await session.rows(`SELECT count(*) AS count FROM ${STEPS}`)
  return Number(row!['count'])
}

/** Rows of these steps, and which of them came last. */
function rowsSql(held: string, fresh: string, window: PlannedWindow): string {
  const place = `(${SHARD}, ${SEQUENCE})`
  const isFresh = `${place} IN (SELECT ${place} FROM ${fresh})`
  return `CREATE OR REPLACE TEMP TABLE ${held}_again AS SELECT *, ${isFresh} AS millrace_is_fresh FROM ${held} WHERE ${stepStart(window, 'millrace_time')} IN (SELECT step_start FROM ${STEPS}) ORDER BY ${SHARD}, ${SEQUENCE}`
}
