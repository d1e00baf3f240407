// Functions that DuckDB has not, for all sessions of a database.
import {
  DOUBLE,
  DuckDBListValue,
  DuckDBScalarFunction,
  LIST,
  type DuckDBConnection,
  type DuckDBValue,
} from '@duckdb/node-api'
import { anomalyScore } from '../functions/random-cut-forest.ts'

/** Those that SQL says, by name. */
const macros: readonly string[] = [
  // Milliseconds from the first moment to the second one.
  'tsdiff(a, b) AS epoch_ms(b::TIMESTAMP) - epoch_ms(a::TIMESTAMP)',
  'unix_timestamp(a) AS epoch_ms(a::TIMESTAMP)',
  // Values count half for each full size that they are older.
  `millrace_exp_avg(rows, now, size) AS list_sum(list_transform(rows, lambda r: r.x * 0.5 ** ((epoch_us(now) - epoch_us(r.t)) // epoch_us(size))))
     / list_sum(list_transform(rows, lambda r: CASE WHEN r.x IS NOT NULL THEN 0.5 ** ((epoch_us(now) - epoch_us(r.t)) // epoch_us(size)) END))`,
]

/** Adds the functions to the database of a connection. */
export async function addFunctions(connection: DuckDBConnection): Promise<void> {
  for (const macro of macros) await connection.run(`CREATE MACRO ${macro}`)
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'millrace_forest',
      parameterTypes: [LIST(DOUBLE), LIST(DOUBLE)],
      returnType: DOUBLE,
      specialHandling: true,
      mainFunction: (_, rows, scores) => {
        const [points, among] = [rows.getColumnVector(0), rows.getColumnVector(1)]
        for (let row = 0; row < rows.rowCount; row++)
          scores.setItem(row, scoreOf(points.getItem(row), among.getItem(row)))
        scores.flush()
      },
    }),
  )
}

/**
 * Scores a point among the points of its range, whose coordinates stand behind one another. A dimension that a point lacks does not
 * count for it, nor does a point that lacks another.
 */
function scoreOf(point: DuckDBValue, among: DuckDBValue): number | null {
  if (!(point instanceof DuckDBListValue) || !(among instanceof DuckDBListValue)) return null
  const dimensions = [...point.items.keys()].filter((d) => Number.isFinite(point.items[d]))
  if (dimensions.length === 0) return null
  const own = dimensions.map((d) => point.items[d] as number)
  const others: number[] = []
  let isFound = false
  for (let at = 0; at < among.items.length; at += point.items.length) {
    const other = dimensions.map((d) => among.items[at + d] as number)
    if (!other.every(Number.isFinite)) continue
    // The point is in its range itself.
    if (isFound || other.some((value, d) => value !== own[d])) others.push(...other)
    else isFound = true
  }
  return anomalyScore(own, others)
}
