// Queries as they are now: the definition, what its app says of it, and what it is made of. Runs wherever there is a client.
import { MillraceError, type Client } from 'millrace'
import { queryKinds, queryUnits, type QueryDefinition, type QueryReport } from 'millrace/protocol'
import { PlanFault } from '../plan/plan-fault.ts'
import type { PlannedWindow, StatementKind } from '../plan/query-plan.ts'
import { outputOf } from '../streams/outputs.ts'
import type { PlanSharing } from '../plan/sharing/sharing.ts'
import { outputsOf, type AppTarget } from './app-targets.ts'
import { defaultStart } from './bounds.ts'
import { checkTexts } from './check.ts'
import { isServedAt } from './hosts.ts'
import { mergedReport, type UnitReport } from './merged-report.ts'
import {
  getQuery,
  listQueries,
  resultsOf,
  type NamedQuery,
  type QueryDoor,
  type QueryResults,
} from './queries.ts'
import { QueryError } from './query-error.ts'
import { checkSql, type CheckedSql, type QueryColumns, type ResultColumn } from './sql-check.ts'
import { reasonOf, shardStandings, type ShardStanding } from './standing.ts'

/** The time of inputs that follow the clock of the broker. */
const ARRIVAL = 'arrival_time'

/** A query as it is now. */
export interface QueryDescription extends NamedQuery {
  /** Undefined before an app has begun it. */
  readonly report: QueryReport | undefined
  /** Its units, where it is carried out in parts. */
  readonly units: readonly UnitReport[]
  /** Why nothing comes out, as a sentence; undefined while results flow. */
  readonly reason: string | undefined
}

/** What a query is made of. */
export interface SqlExplanation {
  readonly statements: readonly ExplainedStatement[]
  readonly inputs: readonly ExplainedInput[]
  readonly sharing: ExplainedSharing
}

/** By what a query can be shared in parts: `keys` by stream, without them the partition key; or why it cannot. */
export type ExplainedSharing = PlanSharing | { readonly refused: string }

export interface ExplainedStatement {
  /** The stream. */
  readonly target: string
  /** The delivery that the stream is behind, or the function that is called with its records, where the SQL names that. */
  readonly app?: Pick<AppTarget, 'kind' | 'name'>
  /** The SQL as it was written. */
  readonly text: string
  readonly kind: StatementKind
  /** Which of the inputs it reads. */
  readonly inputs: readonly number[]
  readonly windows: readonly PlannedWindow[]
  readonly columns: readonly ResultColumn[]
  readonly files: readonly string[]
}

export interface ExplainedInput {
  readonly stream: string
  /** SQL over its columns for the time of its rows; undefined where each row counts by itself. */
  readonly time: string | undefined
  /** Columns that are read, with their types. */
  readonly columns: readonly ResultColumn[]
  /** How long after its time a row is held, in microseconds; undefined without a time, and where rows decide (sessions). */
  readonly hold: number | undefined
}

/** A query as it is now, with what it is made of. */
export interface QueryExplanation extends QueryDescription {
  /** Undefined where its SQL can no longer be bound, as when a stream that it reads is gone: `reason` says it. */
  readonly sql: SqlExplanation | undefined
  /** Shards of its inputs; empty before an app has begun it. */
  readonly shards: readonly ShardStanding[]
}

/** Describes a query. Rejects with QueryError `notFound`. */
export async function describeQuery(
  door: Pick<QueryDoor, 'client' | 'now'>,
  name: string,
): Promise<QueryDescription> {
  return described(door.client, await getQuery(door.client, name), await momentOf(door))
}

/** Describes all queries, by name. */
export async function describeQueries(
  door: Pick<QueryDoor, 'client' | 'now'>,
): Promise<readonly QueryDescription[]> {
  const queries = await listQueries(door.client)
  const at = await momentOf(door)
  return Promise.all(queries.map((query) => described(door.client, query, at)))
}

/** Explains a query. Rejects with QueryError `notFound`. */
export async function explainQuery(
  door: Pick<QueryDoor, 'client' | 'now'>,
  name: string,
): Promise<QueryExplanation> {
  const description = await describeQuery(door, name)
  const { definition, report } = description
  const standings = (streams: ReadonlySet<string>) =>
    report === undefined ? [] : shardStandings(report, streams)
  try {
    const checked = await checkSql(door.client, { ...definition, given: definition.columns, shares: {} })
    const reason = movedTarget(checked, definition) ?? description.reason
    return {
      ...description,
      reason,
      sql: explained(checked, definition),
      shards: standings(byEventTime(checked)),
    }
  } catch (error) {
    const isOfQuery = error instanceof QueryError || MillraceError.is(error, 'streamNotFound')
    if (!isOfQuery) throw error
    return { ...description, reason: error.message, sql: undefined, shards: standings(new Set()) }
  }
}

/** Explains SQL of which there is no query yet. Rejects with QueryError `invalid`, and with `streamNotFound`. */
export async function explainSql(
  client: Client,
  sql: string,
  { columns = {} }: { readonly columns?: QueryColumns } = {},
): Promise<SqlExplanation> {
  checkTexts({ sql })
  return explained(await checkSql(client, { sql, from: defaultStart, given: columns, shares: {} }))
}

/** What a query writes, and where. Rejects with QueryError `notFound`, and `invalid` where its SQL can no longer be bound. */
export async function queryResults(client: Client, name: string): Promise<readonly QueryResults[]> {
  const { definition } = await getQuery(client, name)
  return resultsOf(definition, await checkSql(client, { ...definition, given: definition.columns }))
}

async function described(client: Client, query: NamedQuery, at: Moment): Promise<QueryDescription> {
  const { name, definition } = query
  const units = await Promise.all(
    queryUnits(name, definition).map(async (unit): Promise<UnitReport> => {
      const found = (await client.documents<QueryReport>(queryKinds.reports).get(unit.name))?.value
      // One of a former query of that name says nothing of this one.
      return { ...unit, report: found === undefined || found.at < definition.createdAt ? undefined : found }
    }),
  )
  const report = mergedReport(units)
  return {
    ...query,
    report,
    units: definition.sharing === undefined ? [] : units,
    reason: reasonOf({ definition, report, isServed: at.isServed }, at.now),
  }
}

/** When queries are described. */
interface Moment {
  readonly now: number
  readonly isServed: boolean
}

async function momentOf({ client, now }: Pick<QueryDoor, 'client' | 'now'>): Promise<Moment> {
  const at = now()
  return { now: at, isServed: await isServedAt(client, at) }
}

function byEventTime({ plan }: CheckedSql): ReadonlySet<string> {
  const timed = plan.inputs.filter(({ time }) => time !== undefined && time !== ARRIVAL)
  return new Set(timed.map(({ stream }) => stream))
}

/** Says where a delivery or a function has another stream now than when the query was made. */
function movedTarget({ appTargets }: CheckedSql, definition: QueryDefinition): string | undefined {
  if (definition.beside !== undefined) return undefined
  for (const [target, { kind, name, stream }] of appTargets) {
    const known = outputOf(definition, target)
    if (known !== stream)
      return `The ${kind} ${name} reads ${stream} now, and results go to ${known}: replace the query by itself (query replace --file …).`
  }
  return undefined
}

function explained(
  { plan, columns, results, appTargets, sharing }: CheckedSql,
  definition: Pick<QueryDefinition, 'outputs'> = { outputs: outputsOf(appTargets) },
): SqlExplanation {
  return {
    statements: plan.statements.map(({ target, text, kind, inputs, windows, files }, at) => ({
      target: outputOf(definition, target!),
      ...(appTargets.has(target!) && { app: appOf(appTargets.get(target!)!) }),
      text,
      kind,
      inputs,
      windows,
      files,
      columns: results[at]!,
    })),
    sharing: sharing instanceof PlanFault ? { refused: sharing.reason } : sharing!,
    inputs: plan.inputs.map(({ stream, time, hold, columns: read }) => ({
      stream,
      time,
      hold,
      columns: columns.get(stream)!.filter(({ name }) => read === 'all' || read.includes(name)),
    })),
  }
}

function appOf({ kind, name }: AppTarget): Pick<AppTarget, 'kind' | 'name'> {
  return { kind, name }
}
