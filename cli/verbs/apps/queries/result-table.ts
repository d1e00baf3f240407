// Results of a query as lines of a table that goes on: columns as wide as values of their types are. Pure.
import { visible } from '../../../../protocol/text/visible-text.ts'
import { cutToWidth, displayWidth, padToWidth } from '../../../output/display-width.ts'
import type { Room } from '../../../output/table.ts'
import { cellText } from '../analytics/answer-format.ts'
import type { QueryResults, ResultColumn } from './queries-module.ts'

/** Widths of values, by how the names of their types begin. */
const widths: readonly (readonly [RegExp, number])[] = [
  [/^TIMESTAMP/, 24],
  [/^(TINYINT|SMALLINT|BOOLEAN)/, 6],
  [/^(U?INTEGER|DATE|FLOAT)/, 11],
  [/^(U?BIGINT|HUGEINT|DOUBLE|DECIMAL)/, 12],
]
const OTHER_WIDTH = 20

/** Lines of results; the heading comes again where the stream is another one. */
export class ResultTable {
  readonly #columnsOf: ReadonlyMap<string, readonly (ResultColumn & { readonly width: number })[]>
  readonly #room: Room
  #last: string | undefined

  constructor(results: readonly QueryResults[], room: Room) {
    this.#columnsOf = new Map(
      results.map(({ target, columns }) => [
        target,
        columns.map((column) => ({ ...column, width: Math.max(displayWidth(column.name), widthOf(column)) })),
      ]),
    )
    this.#room = room
  }

  /** Returns one result of a stream, below the heading where that is due. */
  lines(target: string, result: Readonly<Record<string, unknown>>): string {
    const columns = this.#columnsOf.get(target)!
    const row = this.#line(
      columns.map(({ name, width }) => padToWidth(visible(cellText(result[name])), width)),
    )
    if (target === this.#last) return row
    const heading = this.#line(
      columns.map(({ name, width }) => padToWidth(visible(name).toUpperCase(), width)),
    )
    const above = this.#columnsOf.size > 1 ? [...(this.#last === undefined ? [] : ['']), `${target}:`] : []
    this.#last = target
    return [...above, heading, row].join('\n')
  }

  #line(cells: readonly string[]): string {
    const line = cells.join('  ').trimEnd()
    return this.#room.columns === undefined ? line : cutToWidth(line, this.#room.columns)
  }
}

function widthOf({ type }: ResultColumn): number {
  return widths.find(([pattern]) => pattern.test(type))?.[1] ?? OTHER_WIDTH
}
