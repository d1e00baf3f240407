// Checks of a definition that need neither a broker nor DuckDB. Pure.
import type { QueryTime } from 'millrace/protocol'
import type { QueryPlan } from '../plan/query-plan.ts'
import { PlanFault, positionIn } from '../plan/plan-fault.ts'
import type { AppTarget } from './app-targets.ts'
import { lengths, timeBounds } from './bounds.ts'
import { QueryError } from './query-error.ts'

/** Where a query writes beside its results. */
export interface SideStreams {
  readonly lateTo?: string | undefined
  readonly errorsTo?: string | undefined
}

/** Throws QueryError `invalid`. */
export function checkName(name: string): void {
  if (/^[\w.-]+$/.test(name) && name.length <= lengths.name) return
  throw invalid(
    `A query's name has 1 to ${lengths.name} letters, digits, underscores, full stops and hyphens: ${JSON.stringify(name)} is none.`,
  )
}

/** Throws QueryError `invalid`. */
export function checkTexts({
  sql,
  description = '',
}: {
  readonly sql: string
  readonly description?: string | undefined
}): void {
  if (sql.trim() === '') throw invalid('There is no SQL: write INSERT INTO target SELECT.')
  if (sql.length > lengths.sql) throw invalid(`The SQL has more than ${lengths.sql} characters.`)
  if (description.length > lengths.description)
    throw invalid(`The description has more than ${lengths.description} characters.`)
}

/** Throws QueryError `invalid`. */
export function checkTime(time: QueryTime): void {
  for (const name of ['outOfOrderMs', 'idleMs', 'latenessMs'] as const) {
    const { what, min, max } = timeBounds[name]
    const value = time[name] ?? 0
    if (Number.isSafeInteger(value) && value >= min && value <= max) continue
    throw invalid(`${what} is ${value} ms: it lies between ${min} and ${max} ms.`)
  }
}

/** Refuses a query that would read what it writes. Throws `PlanFault` and QueryError `invalid`. */
export function checkStreams(
  text: string,
  plan: QueryPlan,
  {
    lateTo,
    errorsTo,
    appTargets = new Map(),
  }: SideStreams & { readonly appTargets?: ReadonlyMap<string, AppTarget> },
): void {
  const read = new Set(plan.inputs.map(({ stream }) => stream))
  const streamOf = (target: string | undefined) => appTargets.get(target ?? '')?.stream ?? target
  for (const { target: name, place } of plan.statements) {
    const target = streamOf(name)
    if (target === undefined || !read.has(target)) continue
    const start = positionIn(text, place)
    throw new PlanFault(
      text,
      start,
      `The query reads ${target}, to which this writes: its results would come back to it for ever. Write them to another stream.`,
    )
  }
  const targets = new Set(plan.statements.map(({ target }) => streamOf(target)))
  for (const [what, stream] of [
    ['Late rows', lateTo],
    ['Rows that cannot be taken', errorsTo],
  ] as const) {
    if (stream === undefined) continue
    if (read.has(stream))
      throw invalid(`${what} cannot go to ${stream}, which the query reads: name another stream.`)
    if (targets.has(stream))
      throw invalid(`${what} cannot go to ${stream}, where its results go: name another stream.`)
  }
}

/** Refuses files by names that mean something else in another directory. Throws `PlanFault`. */
export function checkFiles(text: string, { statements }: QueryPlan): void {
  for (const { files, place } of statements) {
    for (const file of files) {
      if (/^([/\\]|[A-Za-z]:|\w+:\/\/)/.test(file)) continue
      throw new PlanFault(
        text,
        Math.max(positionIn(text, place), text.indexOf(file)),
        `The app may run in another directory: write the whole path of the file ${file}.`,
      )
    }
  }
}

function invalid(message: string): QueryError {
  return new QueryError('invalid', message)
}
