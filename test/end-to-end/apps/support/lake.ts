// The objects that a delivery has written into a directory, as DuckDB reads them. Runs in a test's process.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { columns, rowText } from './flights.ts'

export interface LakeRow {
  /** Its columns as one text. */
  readonly text: string
  /** The object that has it. */
  readonly object: string
  /** The partition that it names. */
  readonly lateness: string
}

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
export async function rowsIn(directory: string, extension: '.parquet' | '.gz'): Promise<LakeRow[]> {
  const paths = await objectsIn(directory, extension)
  if (paths.length === 0) return []
  const list = `[${paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')}]`
  const source =
    extension === '.parquet'
      ? `read_parquet(${list}, filename = true, hive_partitioning = false, union_by_name = true)`
      : `read_json(${list}, filename = true, hive_partitioning = false, format = 'newline_delimited', compression = 'gzip',
           columns = {${columns.map((name) => `'${name}': '${isNumber(name) ? 'BIGINT' : 'VARCHAR'}'`).join(', ')}})`
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const reader = await connection.runAndReadAll(`SELECT ${columns.join(', ')}, filename FROM ${source}`)
    return reader.getRowObjects().map((row) => ({
      text: rowText(row),
      object: String(row['filename']),
      lateness: String(row['lateness']),
    }))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const isNumber = (column: string): boolean => column === 'delay' || column === 'distance'
