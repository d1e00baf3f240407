// The objects that deliveries have written into a directory, as DuckDB reads them. Runs in a test's process. DuckDB is an optional
// package, so it is loaded when it is used.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface LakeRow {
  readonly values: Readonly<Record<string, unknown>>
  /** Path of the object that has it. */
  readonly object: string
}

/** Columns by name, in the types of DuckDB. */
export type LakeColumns = Readonly<Record<string, 'BIGINT' | 'VARCHAR'>>

/** Paths of the objects below a directory: files whose names end so. */
export async function objectsIn(directory: string, extension: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Says why DuckDB cannot be used here; undefined where it can. */
export async function duckdbRefusal(): Promise<string | undefined> {
  try {
    await import('@duckdb/node-api')
    return undefined
  } catch (error) {
    return `@duckdb/node-api cannot be loaded: ${(error as Error).message.split('\n')[0]}`
  }
}

/** Every row of every object, as often as it is there. */
export async function rowsIn(
  directory: string,
  extension: '.parquet' | '.gz',
  columns: LakeColumns,
): Promise<LakeRow[]> {
  const paths = await objectsIn(directory, extension)
  if (paths.length === 0) return []
  const rows = await query(
    `SELECT ${Object.keys(columns).join(', ')}, filename FROM ${sourceOf(paths, extension, columns)}`,
  )
  return rows.map(({ filename, ...values }) => ({ values, object: String(filename) }))
}

/** What DuckDB answers to a query. */
export async function query(sql: string): Promise<readonly Record<string, unknown>[]> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowObjects()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The partition of an object is in its rows too: only these count. */
function sourceOf(paths: readonly string[], extension: '.parquet' | '.gz', columns: LakeColumns): string {
  const list = `[${paths.map(quoted).join(', ')}]`
  const options = 'filename = true, hive_partitioning = false'
  if (extension === '.parquet') return `read_parquet(${list}, ${options}, union_by_name = true)`
  const types = Object.entries(columns).map(([name, type]) => `${quoted(name)}: ${quoted(type)}`)
  return `read_json(${list}, ${options}, format = 'newline_delimited', compression = 'gzip', columns = {${types.join(', ')}})`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
