// The SQL of a query, checked before anything is written: planned, and bound by DuckDB over empty tables. Runs in every door to queries, with a
// database of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from 'millrace'
import type { QueryStart, QueryTime } from 'millrace/protocol'
import { Engine, EngineFault, type EngineSession } from '../engine/index.ts'
import { PlanFault } from '../plan/plan-fault.ts'
import type { PlannedStatement } from '../plan/query-plan.ts'
import { sharingOf, type PlanSharing } from '../plan/sharing/sharing.ts'
import { SqlParser } from '../plan/text/parser.ts'
import { isRecordColumn, quotedText, RowTable, type RowColumn } from '../rows/index.ts'
import { ReferenceFault, References } from '../reference/index.ts'
import { expressionType } from '../streams/expression-type.ts'
import { bindFault, columnsRead, planStreams, type StreamsPlan } from '../streams/plan-streams.ts'
import { foundFields, givenBy, withRecordColumns, type GivenColumns } from '../streams/stream-columns.ts'
import { appTargets, type AppTarget } from './app-targets.ts'
import { lengths } from './bounds.ts'
import { checkFiles, checkStreams, type SideStreams } from './check.ts'
import { QueryError } from './query-error.ts'

/** Memory of the database: it holds no rows. */
const MEMORY_BYTES = 256 * 1024 ** 2

/** Types of DuckDB of the fields of streams, by column, by stream. */
export type QueryColumns = Readonly<Record<string, GivenColumns>>

export interface SqlToCheck extends SideStreams {
  readonly sql: string
  readonly time?: Pick<QueryTime, 'latenessMs'>
  /** Where the samples begin of streams whose columns are not given. */
  readonly from: QueryStart
  /** Of streams that are left out, columns are found in a sample. */
  readonly given: QueryColumns
  /** Columns that are known already, of an earlier version: the sample and what is given add to them. */
  readonly known?: QueryColumns | undefined
  /** Set where it is to be found out by what it can be shared; `before`: by what it was. */
  readonly shares?: { readonly before?: PlanSharing | undefined } | undefined
}

/** A column of a result, with its type of DuckDB. */
export interface ResultColumn {
  readonly name: string
  readonly type: string
}

/** SQL that can run for ever. */
export interface CheckedSql extends StreamsPlan {
  /** Fields of the streams that are read, as a definition has them. */
  readonly fields: QueryColumns
  /** What each statement gives, in their order. */
  readonly results: readonly (readonly ResultColumn[])[]
  /** Deliveries and functions among its targets, by those. */
  readonly appTargets: ReadonlyMap<string, AppTarget>
  /** What it can be shared by, or why it cannot; undefined where that was not asked. */
  readonly sharing: PlanSharing | PlanFault | undefined
}

/** Checks SQL. Rejects with QueryError `invalid`, and as the client does, as with `streamNotFound`. */
export async function checkSql(client: Client, asked: SqlToCheck): Promise<CheckedSql> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-query-'))
  const references = new References({ directory: join(directory, 'files') })
  try {
    await using engine = await Engine.open({
      memory: MEMORY_BYTES,
      threads: 1,
      spoolDir: join(directory, 'spilled'),
    })
    using session = await engine.session()
    return await new SqlCheck({ client, session, references, directory, asked }).checked()
  } catch (error) {
    if (error instanceof PlanFault)
      throw new QueryError('invalid', error.message, { place: error.place, cause: error })
    if (error instanceof EngineFault)
      throw new QueryError('invalid', references.named(error.message), { cause: error })
    if (error instanceof ReferenceFault) throw new QueryError('invalid', error.message, { cause: error })
    throw error
  } finally {
    references.close()
    await rm(directory, { recursive: true, force: true })
  }
}

interface SqlCheckParts {
  readonly client: Client
  readonly session: EngineSession
  readonly references: References
  /** For samples and spools. */
  readonly directory: string
  readonly asked: SqlToCheck
}

class SqlCheck {
  readonly #parts: SqlCheckParts
  #files = 0

  constructor(parts: SqlCheckParts) {
    this.#parts = parts
  }

  async checked(): Promise<CheckedSql> {
    const { client, session, references, asked } = this.#parts
    const fields: Record<string, GivenColumns> = {}
    const planned = await planStreams(
      asked.sql,
      {
        parser: new SqlParser(session),
        isContinuous: true,
        lateness: (asked.time?.latenessMs ?? 0) * 1000,
        pathOf: (name) => references.pathOf(name),
      },
      async ({ stream }) => {
        fields[stream] = await this.#fieldsOf(stream)
        return withRecordColumns(fields[stream])
      },
    )
    const found = await appTargets(client, asked.sql, planned.plan)
    checkStreams(asked.sql, planned.plan, { ...asked, appTargets: found })
    checkFiles(asked.sql, planned.plan)
    checkGiven(asked.given, fields)
    await references.load(planned.plan.statements.flatMap(({ files }) => files))
    await this.#createTables(planned)
    const results: (readonly ResultColumn[])[] = []
    for (const statement of planned.plan.statements) results.push(await this.#bound(statement, planned))
    return { ...planned, fields, results, appTargets: found, sharing: await this.#sharing(planned) }
  }

  async #sharing({ plan, columns }: StreamsPlan): Promise<PlanSharing | PlanFault | undefined> {
    const { session, asked } = this.#parts
    if (asked.shares === undefined) return undefined
    const typeOf = (stream: string, sql: string) => expressionType(session, columns.get(stream)!, sql)
    try {
      return await sharingOf(asked.sql, plan, { ...asked.shares, parser: new SqlParser(session), typeOf })
    } catch (error) {
      if (error instanceof PlanFault) return error
      throw error
    }
  }

  async #fieldsOf(stream: string): Promise<GivenColumns> {
    const { client, session, asked } = this.#parts
    const given = asked.given[stream]
    const known = asked.known?.[stream]
    // Without a sample it would not be seen otherwise.
    await client.describeStream(stream)
    if (given !== undefined && known === undefined) return this.#typed(stream, given)
    const found = await foundFields({
      client,
      session,
      stream,
      from: known === undefined ? asked.from : 'LATEST',
      path: this.#path('sample'),
      signal: undefined,
    })
    return merged(found, known ?? {}, await this.#typed(stream, given ?? {}))
  }

  /** Returns given types under the names that DuckDB has for them. */
  async #typed(stream: string, given: GivenColumns): Promise<GivenColumns> {
    const typed: Record<string, string> = {}
    for (const [name, type] of Object.entries(given)) {
      if (isRecordColumn(name))
        throw new QueryError(
          'invalid',
          `${stream}.${name} is a column that every record has: it is given no type.`,
        )
      const shape = quotedText(JSON.stringify({ field: type }))
      try {
        const [row] = await this.#parts.session.rows(
          `SELECT column_type AS type FROM (DESCRIBE SELECT from_json('{}'::JSON, ${shape}).field AS field)`,
        )
        typed[name] = String(row!['type'])
      } catch (error) {
        if (!(error instanceof EngineFault)) throw error
        throw new QueryError('invalid', `${type}, of ${stream}.${name}, is no type of DuckDB.`, {
          cause: error,
        })
      }
    }
    return typed
  }

  /** Makes the tables of the inputs, empty. */
  async #createTables(planned: StreamsPlan): Promise<void> {
    const { session, asked } = this.#parts
    for (const input of planned.plan.inputs) {
      const { held, relation, time } = input
      const columns = columnsRead(input, planned.columns.get(input.stream)!)
      await this.#binding({ text: asked.sql }, planned, () =>
        RowTable.create(session, { held, relation, time, columns }, this.#path('rows')),
      )
    }
    await session.run(
      `SET VARIABLE millrace_after = TIMESTAMP '-infinity'; SET VARIABLE millrace_until = TIMESTAMP '-infinity'`,
    )
  }

  /** Returns the columns of a statement's result. */
  async #bound(statement: PlannedStatement, planned: StreamsPlan): Promise<readonly ResultColumn[]> {
    const { session, asked } = this.#parts
    const { sql, targetColumns, text } = statement
    const start = asked.sql.indexOf(text)
    const rows = await this.#binding(
      { text: asked.sql, start, end: start + text.length },
      planned,
      async () => {
        await session.rows(`EXPLAIN ${sql}`)
        return session.rows(`SELECT column_name AS name, column_type AS type FROM (DESCRIBE ${sql})`)
      },
    )
    const found = rows.map(({ name, type }) => ({ name: String(name), type: String(type) }))
    if (targetColumns.length > 0 && targetColumns.length !== found.length)
      throw new PlanFault(
        asked.sql,
        start,
        `It names ${targetColumns.length} columns of ${statement.target}, and its SELECT has ${found.length}.`,
      )
    const columns = found.map((column, at) => ({ ...column, name: targetColumns[at] ?? column.name }))
    const names = columns.map(({ name }) => name)
    const twice = names.find((name, at) => names.indexOf(name) < at)
    if (twice !== undefined)
      throw new PlanFault(
        asked.sql,
        start,
        `Two columns of its result have the name ${twice}: give them names of their own by AS.`,
      )
    return columns
  }

  async #binding<T>(
    bound: Parameters<typeof bindFault>[1],
    planned: StreamsPlan,
    bind: () => Promise<T>,
  ): Promise<T> {
    try {
      return await bind()
    } catch (error) {
      throw error instanceof EngineFault ? bindFault(error, bound, planned) : error
    }
  }

  #path(of: string): string {
    return join(this.#parts.directory, `${of}-${this.#files++}`)
  }
}

/** Later ones take the place of earlier ones; names in whatever case are one column. */
function merged(...all: readonly GivenColumns[]): GivenColumns {
  const columns = new Map<string, RowColumn>()
  for (const given of all) {
    for (const [name, type] of Object.entries(given)) columns.set(name.toLowerCase(), { name, type })
  }
  return givenBy([...columns.values()])
}

function checkGiven(given: QueryColumns, fields: QueryColumns): void {
  const unread = Object.keys(given).find((stream) => !Object.hasOwn(fields, stream))
  if (unread !== undefined)
    throw new QueryError('invalid', `Columns of ${unread} are given, which the query does not read.`)
  const count = Object.values(fields).reduce((sum, each) => sum + Object.keys(each).length, 0)
  if (count > lengths.columns)
    throw new QueryError(
      'invalid',
      `The streams have ${count} fields, more than ${lengths.columns}: give those that the query needs (--column stream.field=TYPE).`,
    )
}
