// Values of DuckDB as values of JSON: numbers while they are exact, JSON as what it says, times in ISO 8601, bytes in base64. What JSON has no form for is
// a text. Pure.
import {
  DuckDBBlobValue,
  DuckDBTypeId,
  JsonDuckDBValueConverter,
  type DuckDBType,
  type DuckDBValueConverter,
  type Json,
} from '@duckdb/node-api'

/** Of DuckDB's types, those whose texts are moments in UTC. */
const moments: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
])

export const jsonValue: DuckDBValueConverter<Json> = (value, type, converter) => {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : String(value)
  }
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64')
  const json = JsonDuckDBValueConverter(value, type, converter)
  if (typeof json === 'string' && moments.has(type.typeId)) return isoOf(json)
  return json
}

/** Of a result's columns. */
export interface Columns {
  deduplicatedColumnNames(): readonly string[]
  columnTypes(): readonly DuckDBType[]
}

/** Returns rows, converted by `jsonValue`, with columns of JSON as what they say: in a row, their type is that of texts. */
export function withJsonColumns(
  columns: Columns,
  rows: readonly Record<string, Json>[],
): readonly Record<string, Json>[] {
  const types = columns.columnTypes()
  const names = columns.deduplicatedColumnNames().filter((_, i) => types[i]!.alias === 'JSON')
  for (const row of rows) {
    for (const name of names) {
      const text = row[name]
      if (typeof text === 'string') row[name] = JSON.parse(text) as Json
    }
  }
  return rows
}

/** Infinity, and years of more digits, stay as they are. */
function isoOf(text: string): string {
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.test(text) ? `${text.replace(' ', 'T')}Z` : text
}
