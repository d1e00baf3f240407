// Flink's `FOR SYSTEM_TIME AS OF`, which DuckDB has not: refused with the ASOF JOIN to write. Pure.
import { PlanFault } from '../plan-fault.ts'
import type { Token } from './lexer.ts'

/** Refuses the form. `sql` has the positions of `text`. Throws `PlanFault`. */
export function refuseSystemTime(sql: string, tokens: readonly Token[], text: string): void {
  const at = tokens.findIndex(
    ({ kind, text: word }, index) =>
      kind === 'word' && word === 'FOR' && tokens[index + 1]?.text === 'SYSTEM_TIME',
  )
  const asOf = tokens[at]
  if (asOf === undefined) return
  const words = tokens.slice(at + 2)
  const table = tokens[at - 1]
  const moment = words.slice(
    2,
    words.findIndex(({ text: word }, index) => index > 1 && /^(AS|ON|USING|WHERE|JOIN|GROUP)$/.test(word)),
  )
  const isWhole =
    words[0]?.text === 'AS' && words[1]?.text === 'OF' && moment.length > 0 && table !== undefined
  const time = isWhole ? sql.slice(moment[0]!.start, moment.at(-1)!.end) : 'o.time'
  const alias = words[2 + moment.length]?.text === 'AS' ? words[3 + moment.length] : undefined
  const name = alias === undefined ? 'r' : sql.slice(alias.start, alias.end)
  const of = table === undefined ? "'rates.csv'" : sql.slice(table.start, table.end)
  throw new PlanFault(
    text,
    asOf.start,
    `The row that held at a time is joined by its column of when it began to hold: write ASOF JOIN ${of} ${name} ON … AND ${time} >= ${name}.valid_from, where valid_from is that column, and … what must be equal.`,
  )
}
