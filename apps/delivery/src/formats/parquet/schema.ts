// The columns of a delivery in Parquet, checked: at creation, where they are refused with the reason, and in the app. Pure.
import type { ParquetColumn } from 'millrace/protocol'
import { columnType, type ColumnType } from './column-type.ts'

/** Columns of a delivery, and characters of a name, at most. */
export const COLUMNS_MAX = 2000
export const COLUMN_CHARACTERS_MAX = 255

export interface CheckedColumn {
  readonly name: string
  readonly type: ColumnType
}

/** Returns the columns. Throws a `TypeError` for the first that is refused. */
export function checkedColumns(columns: readonly ParquetColumn[]): readonly CheckedColumn[] {
  if (columns.length === 0 || columns.length > COLUMNS_MAX) {
    throw new TypeError(`There are ${columns.length} columns; a schema has 1 to ${COLUMNS_MAX}.`)
  }
  const names = new Set<string>()
  return columns.map(({ name, type }) => {
    const shown = JSON.stringify(name)
    if (name === '' || name.length > COLUMN_CHARACTERS_MAX || !name.isWellFormed() || /\p{Cc}/u.test(name)) {
      throw new TypeError(
        `${shown} is no name of a column: it has 1 to ${COLUMN_CHARACTERS_MAX} characters, all of which are shown.`,
      )
    }
    if (names.has(name.toLowerCase()))
      throw new TypeError(`The column ${shown} is there twice; names differ by more than their case.`)
    names.add(name.toLowerCase())
    try {
      return { name, type: columnType(type) }
    } catch (error) {
      throw new TypeError(`The type of the column ${shown} is refused: ${(error as Error).message}.`)
    }
  })
}
