// The type of an expression over the columns of a stream. Runs wherever there is a database.
import { EngineFault, type EngineSession } from '../engine/index.ts'
import { quotedName, type RowColumn } from '../rows/index.ts'

/** Returns the type of DuckDB of a value; undefined where it is none of one row: unknown, of many rows, or many rows itself. */
export async function expressionType(
  session: EngineSession,
  columns: readonly RowColumn[],
  sql: string,
): Promise<string | undefined> {
  const list = columns.map(({ name, type }) => `NULL::${type} AS ${quotedName(name)}`).join(', ')
  const rows = `(SELECT ${list}) AS millrace_row`
  try {
    // WHERE takes neither aggregates nor what makes many rows of one.
    await session.rows(`EXPLAIN SELECT 1 FROM ${rows} WHERE (${sql}) IS NULL`)
    const [row] = await session.rows(
      `SELECT column_type AS type FROM (DESCRIBE SELECT (${sql}) FROM ${rows})`,
    )
    return String(row!['type'])
  } catch (error) {
    if (error instanceof EngineFault) return undefined
    throw error
  }
}
