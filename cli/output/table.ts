// Formats lists for people, as columns without frames that can be cut and pasted. Pure. Control characters in cells are
// escaped. On a screen no line is wider than the screen, since a terminal's line breaks would tear columns apart.
import Table from 'cli-table3'
import { visible } from '../../protocol/text/visible-text.ts'
import { displayWidth, padToWidth, wrapToWidth } from './display-width.ts'

const blank = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '' }
const noFrame = {
  ...blank,
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}
const GAP = 2

/** A cell of at most this width is not wrapped, because short halves read badly. */
const WHOLE_WIDTH_MAX = 12
/** A word wider than this may be broken, in order to keep the columns of a table. */
const WORD_WIDTH_MAX = 24

export interface Room {
  /** Width of the screen; undefined for a file or a pipe, which do not limit it. */
  readonly columns: number | undefined
}

/**
 * Formats rows under headings. Numbers should be formatted already. If the rows are too wide, cells are wrapped; if they are
 * still too wide, each row becomes a block with a line for each heading.
 */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { columns }: Room,
): string {
  const head = headings.map((heading) => heading.toUpperCase())
  const cells = rows.map((row) => row.map(visible))
  const widths = widthsFor([head, ...cells], columns)
  if (widths === undefined) return blocks(head, cells, columns)
  const table = new Table({
    head,
    chars: noFrame,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...cells.map((row) => row.map((cell, at) => wrapToWidth(cell, widths[at]!).join('\n'))))
  return trimLines(table.toString())
}

/** Formats names with their values, one per line. */
export function formatFields(
  fields: readonly (readonly [name: string, value: string])[],
  { columns }: Room,
): string {
  const width = Math.max(...fields.map(([name]) => displayWidth(name)))
  return fields
    .map(([name, value]) => `${padToWidth(name, width)}  ${hanging(visible(value), width + GAP, columns)}`)
    .map((line) => trimLines(line))
    .join('\n')
}

/** Wraps text that begins at column `indent`, and indents further lines to that column. */
export function hanging(text: string, indent: number, columns: number | undefined): string {
  if (columns === undefined || columns <= indent) return text
  return wrapToWidth(text, columns - indent).join(`\n${' '.repeat(indent)}`)
}

/** Width of each column, or undefined if the rows do not fit. */
function widthsFor(rows: readonly (readonly string[])[], columns: number | undefined): number[] | undefined {
  const count = rows[0]!.length
  const full = Array.from({ length: count }, (_, at) => widest(rows, at, displayWidth))
  const room = columns === undefined ? Infinity : columns - GAP * (count - 1)
  if (sum(full) <= room) return full
  const widths = full.map((width, at) =>
    width <= WHOLE_WIDTH_MAX ? width : Math.max(WHOLE_WIDTH_MAX, widest(rows, at, longestWord)),
  )
  let left = room - sum(widths)
  if (left < 0) return undefined
  // The remaining width goes to the columns that need it, one column of the screen to each in turn.
  while (left > 0 && widths.some((width, at) => width < full[at]!)) {
    for (const [at, width] of widths.entries()) {
      if (left === 0 || width >= full[at]!) continue
      widths[at] = width + 1
      left--
    }
  }
  return widths
}

function widest(rows: readonly (readonly string[])[], at: number, widthOf: (cell: string) => number): number {
  return Math.max(...rows.map((row) => widthOf(row[at] ?? '')))
}

function longestWord(cell: string): number {
  return Math.min(WORD_WIDTH_MAX, Math.max(...cell.split(' ').map(displayWidth)))
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, 0)
}

function blocks(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  return rows
    .map((row) =>
      formatFields(
        row.map((cell, at) => [head[at]!, cell]),
        { columns },
      ),
    )
    .join('\n\n')
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
