// What a plan reads: each stream by each notion of its time, the columns, and which rows are still needed.
import { countsAgain, cutoff } from '../windows/lateness.ts'
import { lastEnd, STAGGER_CHAIN_WINDOWS } from '../windows/window.ts'
import { minus, until, windowSql } from '../windows/window-sql.ts'
import { arrivalOf, joinedRanges } from './arrival.ts'
import type { SqlParser } from './text/parser.ts'
import type { ArrivalRange, PlannedInput } from './query-plan.ts'
import type { Need, Source } from './relation.ts'
import { conjunction } from './text/tree.ts'

/** An input that statements are added to. */
interface Growing {
  readonly stream: string
  readonly time: string | undefined
  /** Whether a row that comes late would change what others came to: then it is left out, while those that only count rows take it. */
  readonly isByRows: boolean
  readonly sources: Source[]
  readonly needs: Need[]
  readonly ranges: ArrivalRange[]
}

/** Inputs of a plan, in the order in which they are first read. */
export class Inputs {
  readonly #parser: SqlParser
  readonly #unsteady: ReadonlySet<string>
  readonly #lateness: number
  readonly #inputs: Growing[] = []

  constructor(
    parser: SqlParser,
    { unsteady, lateness }: { readonly unsteady: ReadonlySet<string>; readonly lateness: number },
  ) {
    this.#parser = parser
    this.#unsteady = unsteady
    this.#lateness = lateness
  }

  /** Adds what a statement reads, puts names into its tree, and returns the numbers of its inputs. */
  async add(sources: readonly Source[], needs: readonly Need[]): Promise<readonly number[]> {
    const numbers = new Set<number>()
    for (const source of sources) {
      const time = source.time && (await this.#parser.printExpression(source.time))
      const { stream } = source
      const own = needs.filter((need) => need.source === source)
      const isByRows = own.some(decidesByRows)
      let at = this.#inputs.findIndex(
        (input) => input.stream === stream && input.time === time && input.isByRows === isByRows,
      )
      if (at < 0) at = this.#inputs.push({ stream, time, isByRows, sources: [], needs: [], ranges: [] }) - 1
      const input = this.#inputs[at]!
      input.sources.push(source)
      input.needs.push(...own)
      input.ranges.push(await arrivalOf(this.#parser, source.arrival, this.#unsteady))
      source.table.table_name = relationName(at)
      numbers.add(at)
    }
    return [...numbers].sort((a, b) => a - b)
  }

  planned(): Promise<readonly PlannedInput[]> {
    return Promise.all(this.#inputs.map((input, at) => this.#plannedInput(input, at)))
  }

  async #plannedInput({ stream, time, sources, needs, ranges }: Growing, at: number): Promise<PlannedInput> {
    const held = `millrace_held_${at}`
    const isTimed = time !== undefined && needs.length > 0
    const lateness = this.#lateness
    const joined = (conditions: readonly string[], by: 'AND' | 'OR') =>
      [...new Set(conditions)].join(` ${by} `)
    return {
      stream,
      relation: relationName(at),
      held,
      columns: columnsOf(sources),
      time,
      hold: isTimed ? holdOf(needs, lateness) : undefined,
      needed: isTimed
        ? joined(await Promise.all(needs.map((need) => this.#neededSql(held, need))), 'OR')
        : undefined,
      late: isTimed
        ? joined(
            needs.map((need) => lateSql(need, lateness)),
            'AND',
          )
        : undefined,
      again:
        isTimed && lateness > 0
          ? joined(
              needs.map(({ window }) => `(${countsAgain(window!, 'millrace_time', lateness)})`),
              'OR',
            )
          : undefined,
      arrival: joinedRanges(ranges),
    }
  }

  async #neededSql(held: string, need: Need): Promise<string> {
    const { window, keys = [], filters, span, last } = need
    const left = this.#lateness === 0 ? minus(until, span) : cutoff(this.#lateness)
    const printed = (expressions: readonly (typeof keys)[number][]) =>
      Promise.all(expressions.map((expression) => this.#parser.printExpression(expression)))
    const condition = conjunction(filters)
    if (window?.kind !== 'session') {
      const end = window === undefined ? 'millrace_time' : lastEnd(window, 'millrace_time')
      const needed = `${end} ${window === undefined ? '>=' : '>'} ${left}`
      if (last === undefined) return needed
      const by = keys.length === 0 ? '' : `PARTITION BY ${(await printed(keys)).join(', ')} `
      const ties = (await printed(last.ties)).map((tie) => `, ${tie} DESC NULLS FIRST`).join('')
      const also = condition === null ? '' : ` AND ${await this.#parser.printExpression(condition)}`
      const places = `SELECT rowid AS millrace_row, row_number() OVER (${by}ORDER BY millrace_time DESC${ties}) AS millrace_place FROM ${held} WHERE millrace_time < ${left}${also}`
      return `${needed} OR rowid IN (SELECT millrace_row FROM (${places}) WHERE millrace_place <= ${last.rows})`
    }
    const where = condition === null ? '' : ` WHERE ${await this.#parser.printExpression(condition)}`
    const named = (await printed(keys)).map((key, at) => `, ${key} AS millrace_by_${at}`).join('')
    const data = `(SELECT rowid AS millrace_row, millrace_time${named} FROM ${held}${where})`
    const sql = windowSql({
      window,
      data,
      time: 'millrace_time',
      keys: keys.map((_, at) => `millrace_by_${at}`),
    })
    return `rowid IN (SELECT millrace_row FROM (${sql}) WHERE window_end >= ${left})`
  }
}

const relationName = (at: number) => `millrace_input_${at}`

/** Whether rows decide on what others come to: each behind the watermark is late. Otherwise one of a window that has not ended still counts. */
function decidesByRows({ window }: Need): boolean {
  return window === undefined || window.kind === 'session' || window.kind === 'stagger'
}

function lateSql(need: Need, lateness: number): string {
  return decidesByRows(need)
    ? `millrace_time < ${until}`
    : `${lastEnd(need.window!, 'millrace_time')} <= ${cutoff(lateness)}`
}

function holdOf(needs: readonly Need[], lateness: number): number | undefined {
  const each = needs.map(({ window, span, last }) => {
    if (window?.kind === 'session' || last !== undefined) return undefined
    return lateness + span + (window?.size ?? 0) * (window?.kind === 'stagger' ? STAGGER_CHAIN_WINDOWS : 1)
  })
  return each.includes(undefined) ? undefined : Math.max(...each.map(Number))
}

function columnsOf(sources: readonly Source[]): readonly string[] | 'all' {
  const [first] = sources
  if (first!.known === undefined && sources.some(({ star }) => star)) return 'all'
  const read = new Map(
    sources.flatMap(({ columns }) => [...columns].map((name) => [name.toLowerCase(), name] as const)),
  )
  return first!.known?.filter((name) => read.has(name.toLowerCase())) ?? [...read.values()]
}
