// Answers as text: a table for people, JSON with one object a line, or CSV. Pure.
import { formatTable, type Room } from '../../../output/table.ts'
import type { AnswerRow } from './analytics-module.ts'

/** Formats on standard output. */
export const answerFormats = ['table', 'json', 'csv', 'parquet'] as const
export type AnswerFormat = (typeof answerFormats)[number]

/** Rows of a table for people: more are read better from a file. */
export const TABLE_ROWS_MAX = 1000

/** Returns rows under the names of their columns. */
export function answerTable(columns: readonly string[], rows: readonly AnswerRow[], room: Room): string {
  return formatTable(
    columns,
    rows.map((row) => columns.map((column) => cellText(row[column]))),
    room,
  )
}

/** Returns a line of CSV, as RFC 4180 has it; null is nothing, and a text of no characters has quotes. */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map(csvCell).join(',')}\r\n`
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = cellText(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Returns a value as a cell has it. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
