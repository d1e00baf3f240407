// A text planned over streams, of which the columns are not known before it is known which streams they are. Runs wherever there is a client.
import type { EngineFault } from '../engine/index.ts'
import { PlanFault, positionIn } from '../plan/plan-fault.ts'
import { planQuery, type PlanOptions } from '../plan/plan-query.ts'
import type { PlannedInput, QueryPlan } from '../plan/query-plan.ts'
import { tokensOf } from '../plan/text/lexer.ts'
import { isRecordColumn, type RowColumn } from '../rows/index.ts'

/** Columns of streams, by the stream: of each all, those of its records included. */
export type StreamColumns = ReadonlyMap<string, readonly RowColumn[]>

export interface StreamsPlan {
  readonly plan: QueryPlan
  readonly columns: StreamColumns
}

/** Plans twice: which streams there are says which columns there may be. Rejects with `PlanFault`, and as `columnsOf` does. */
export async function planStreams(
  text: string,
  options: Pick<PlanOptions, 'parser' | 'isContinuous' | 'lateness' | 'pathOf'>,
  columnsOf: (input: PlannedInput) => Promise<readonly RowColumn[]>,
): Promise<StreamsPlan> {
  const first = await planQuery(text, options)
  const columns = new Map<string, readonly RowColumn[]>()
  for (const input of first.inputs) {
    if (!columns.has(input.stream)) columns.set(input.stream, await columnsOf(input))
  }
  try {
    const plan = await planQuery(text, {
      ...options,
      columnsOf: (stream) => columns.get(stream)?.map(({ name }) => name),
    })
    return { plan, columns }
  } catch (error) {
    if (!(error instanceof PlanFault) || !error.reason.startsWith('There is no column')) throw error
    throw new PlanFault(text, positionIn(text, error.place), `${error.reason} ${columnLists(columns)}`)
  }
}

/** Returns the columns of a stream that an input reads. */
export function columnsRead(input: PlannedInput, known: readonly RowColumn[]): readonly RowColumn[] {
  return input.columns === 'all' ? known : known.filter(({ name }) => input.columns.includes(name))
}

/** Where a statement of DuckDB came from. */
export interface BoundText {
  readonly text: string
  /** Where its own part of the text begins and ends; left out: the whole text. */
  readonly start?: number
  readonly end?: number
}

/** Returns what is wrong with a text that DuckDB does not bind: at its place, with the columns that there are where a name is not one of them. */
export function bindFault(
  { message }: EngineFault,
  { text, start = 0, end = text.length }: BoundText,
  { plan, columns }: StreamsPlan,
): PlanFault {
  const [line = ''] = message.split('\n')
  let sentence = line.replace(/^\w+ Error: /, '').replace(/[.!]?$/, '.')
  for (const { relation, stream } of plan.inputs) sentence = sentence.replaceAll(relation, stream)
  const column = /(?:column|column named) "([^"]+)"/.exec(line)?.[1]
  const isMissing = /^Binder Error: (Referenced column|Table .* does not have)/.test(line)
  const reason = isMissing ? `There is no column ${column}. ${columnLists(columns)}` : sentence
  const name = column ?? /(?:name |name and argument types ')"?(\w+)/.exec(line)?.[1]
  return new PlanFault(text, name === undefined ? start : placeOf(name, text, start, end), reason)
}

/** Where a name stands that is no new name behind AS; the beginning where it cannot be told. */
function placeOf(name: string, text: string, start: number, end: number): number {
  const tokens = tokensOf(text.slice(start, end))
  const found = tokens.find(
    (token, at) =>
      (token.kind === 'word' || token.kind === 'name') &&
      token.text.toLowerCase() === name.toLowerCase() &&
      tokens[at - 1]?.text !== 'AS',
  )
  return start + (found?.start ?? 0)
}

function columnLists(columns: StreamColumns): string {
  const lists = [...columns].map(([stream, known]) => {
    const names = known.map(({ name }) => name)
    const list = `${stream} has the columns ${names.join(', ')}.`
    if (!names.every((name) => isRecordColumn(name))) return list
    return `${list} No record of it that was looked at is a JSON object: say which fields there will be (--column ${stream}.page=VARCHAR).`
  })
  return lists.join(' ')
}
