// The statements that DuckDB is given. Pure. Every path, name and type is quoted or comes from a parsed one.
import type { DeliveryFormat } from 'millrace/protocol'
import { quotedName } from './column-type.ts'
import type { CheckedColumn } from './schema.ts'

export type ParquetFormat = Extract<DeliveryFormat, { readonly type: 'parquet' }>

/** How many records a schema is inferred from. `all` reads the file twice. */
export type Sample = 'first' | 'all'

const FIRST_RECORDS = 20_480

/** Deeper values are columns of JSON text. Objects are never taken for maps, however little their records have in common. */
const INFERENCE = 'maximum_depth = 24, map_inference_threshold = -1, field_appearance_threshold = 0'

/** DuckDB works on as many rows at once. */
const VECTOR_ROWS = 2048

/** Rows of a row group where nothing is said of its bytes. */
const ROW_GROUP_ROWS = 122_880

const codecs = { snappy: 'snappy', gzip: 'gzip', zstd: 'zstd', none: 'uncompressed' } as const

/** Returns a table of the lines of a file: the given columns, or those that are found. */
export function readLines(
  path: string,
  columns: readonly CheckedColumn[] | undefined,
  sample: Sample,
): string {
  const shape =
    columns === undefined
      ? `sample_size = ${sample === 'all' ? -1 : FIRST_RECORDS}, ${INFERENCE}`
      : `columns = {${columns.map(({ name, type }) => `${quoted(name)}: ${quoted(type.sql)}`).join(', ')}}`
  return `read_json(${quoted(globEscaped(path))}, format = 'newline_delimited', records = true, ${shape})`
}

/** Returns a table of lines without a single field: a column of their text. */
export function readEmptyLines(path: string): string {
  return `read_json(${quoted(globEscaped(path))}, format = 'newline_delimited', records = false, columns = {json: 'JSON'})`
}

/** Writes a table into a file. */
export function copyStatement(
  table: string,
  to: string,
  format: ParquetFormat,
  rowGroupRows: number,
): string {
  const options = `FORMAT parquet, COMPRESSION ${codecs[format.compression]}, ROW_GROUP_SIZE ${rowGroupRows}`
  return `COPY (SELECT * FROM ${table}) TO ${quoted(to)} (${options})`
}

/** Returns how many rows make a row group of some bytes, by the mean of the records. */
export function rowGroupRows(rowGroupBytes: number | undefined, records: number, bytes: number): number {
  if (rowGroupBytes === undefined || bytes === 0) return ROW_GROUP_ROWS
  const rows = Math.round((records * rowGroupBytes) / bytes)
  return Math.max(VECTOR_ROWS, rows - (rows % VECTOR_ROWS))
}

/**
 * Returns numbers of lines, from 0, with the first column whose value is none of its type: all of them in one reading. Types with fields
 * are left out, since a field that is missing cannot be told from one of another type here.
 */
export function misfitsStatement(path: string, columns: readonly CheckedColumn[]): string | undefined {
  const plain = columns.filter(({ type }) => type.isPlain && type.sql !== 'VARCHAR' && type.sql !== 'JSON')
  if (plain.length === 0) return undefined
  const asJson = plain.map(({ name }) => ({ name, type: { sql: 'JSON', isPlain: true } }))
  const cases = plain.map(({ name, type }) => {
    const value = quotedName(name)
    const converted = `TRY(json_transform_strict(${value}, ${quoted(JSON.stringify(type.sql))}))`
    return `WHEN ${value} IS NOT NULL AND json_type(${value}) <> 'NULL' AND ${converted} IS NULL THEN ${quoted(name)}`
  })
  const told = `CASE ${cases.join(' ')} END`
  const lines = `SELECT row_number() OVER () - 1 AS line, ${told} AS misfit FROM ${readLines(path, asJson, 'first')}`
  return `SELECT line, misfit FROM (${lines}) WHERE misfit IS NOT NULL ORDER BY line`
}

/** Writes a text as SQL does. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** DuckDB takes paths for patterns. */
function globEscaped(path: string): string {
  return path.replaceAll(/[*?[]/g, (mark) => `[${mark}]`)
}
