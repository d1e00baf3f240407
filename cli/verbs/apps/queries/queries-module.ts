// The definitions of queries as their verbs use them: a module of the app analytics, found where it is installed and loaded when a verb is
// chosen. The types are the app's promise to the command line; a test holds the app to them.
import { randomUUID } from 'node:crypto'
import type { Client } from '../../../../client/index.ts'
import type {
  QueryDefinition,
  QueryReport,
  QueryShardReport,
  QueryStart,
  QueryTime,
  QueryUnit,
} from '../../../../protocol/apps/query-definition.ts'
import { importAppModule } from '../../../apps/app-module.ts'
import { Failure } from '../../../failure.ts'
import type { Columns } from '../analytics/sql-options.ts'

/** What the calls need. */
export interface QueryDoor {
  readonly client: Client
  readonly now: () => number
  readonly uuid: () => string
}

export interface QueryInput {
  readonly sql: string
  readonly from?: QueryStart
  readonly time?: Partial<QueryTime>
  readonly columns?: Columns
  readonly lateTo?: string
  readonly errorsTo?: string
  readonly description?: string
  readonly parts?: number
}

/** What is undefined is taken away. */
export interface QueryChanges extends Partial<Omit<QueryInput, 'lateTo' | 'errorsTo'>> {
  readonly lateTo?: string | undefined
  readonly errorsTo?: string | undefined
}

export interface NamedQuery {
  readonly name: string
  readonly definition: QueryDefinition
}

export interface ResultColumn {
  readonly name: string
  readonly type: string
}

export interface QueryResults {
  readonly target: string
  readonly columns: readonly ResultColumn[]
}

export interface MadeQuery extends NamedQuery {
  readonly results: readonly QueryResults[]
  readonly madeStreams: readonly string[]
}

export interface QueryDescription extends NamedQuery {
  readonly report: QueryReport | undefined
  readonly units: readonly (QueryUnit & { readonly report: QueryReport | undefined })[]
  readonly reason: string | undefined
}

export interface SqlExplanation {
  readonly statements: readonly {
    readonly target: string
    readonly app?: { readonly kind: 'delivery' | 'function'; readonly name: string }
    readonly kind: 'rows' | 'windows' | 'over' | 'join' | 'bounded'
    readonly inputs: readonly number[]
    /** Microseconds. */
    readonly windows: readonly { readonly kind: string; readonly size: number; readonly step?: number }[]
    readonly columns: readonly ResultColumn[]
    readonly files: readonly string[]
  }[]
  readonly inputs: readonly {
    readonly stream: string
    readonly time: string | undefined
    readonly columns: readonly ResultColumn[]
    /** Microseconds. */
    readonly hold: number | undefined
  }[]
  readonly sharing:
    { readonly keys?: Readonly<Record<string, readonly string[]>> } | { readonly refused: string }
}

export interface QueryExplanation extends QueryDescription {
  readonly sql: SqlExplanation | undefined
  readonly shards: readonly (QueryShardReport & {
    readonly stream: string
    readonly holdsWatermark: boolean
  })[]
}

type ResultRow = Readonly<Record<string, unknown>>

export interface QueryDiff {
  readonly name: string
  readonly beside: string
  readonly targets: readonly {
    readonly target: string
    readonly beside: string
    readonly keys: readonly string[]
    /** Milliseconds. */
    readonly after: number | undefined
    readonly until: number | undefined
    readonly isSettled: boolean
    readonly columnsOnlyOld: readonly string[]
    readonly columnsOnlyNew: readonly string[]
    readonly count: Readonly<Record<'old' | 'new' | 'onlyOld' | 'onlyNew' | 'changed' | 'unreadable', number>>
    readonly onlyOld: readonly ResultRow[]
    readonly onlyNew: readonly ResultRow[]
    readonly changed: readonly { readonly key: ResultRow; readonly old: ResultRow; readonly new: ResultRow }[]
  }[]
  readonly onlyOld: readonly string[]
  readonly onlyNew: readonly string[]
}

/** The module `definitions` of the app's package. */
export interface QueryDefinitions {
  createQuery(door: QueryDoor, name: string, input: QueryInput): Promise<MadeQuery>
  replaceQuery(door: QueryDoor, name: string, changes: QueryChanges): Promise<MadeQuery>
  replaceBeside(door: QueryDoor, name: string, changes: QueryChanges): Promise<MadeQuery>
  diffQuery(door: QueryDoor, name: string, options?: { readonly rows?: number }): Promise<QueryDiff>
  promoteQuery(door: QueryDoor, name: string): Promise<NamedQuery>
  setQueryState(door: QueryDoor, name: string, state: 'running' | 'paused'): Promise<NamedQuery>
  getQuery(client: Client, name: string): Promise<NamedQuery>
  describeQuery(door: QueryDoor, name: string): Promise<QueryDescription>
  describeQueries(door: QueryDoor): Promise<readonly QueryDescription[]>
  explainQuery(door: QueryDoor, name: string): Promise<QueryExplanation>
  explainSql(client: Client, sql: string, options?: { readonly columns?: Columns }): Promise<SqlExplanation>
  queryResults(client: Client, name: string): Promise<readonly QueryResults[]>
  deleteQuery(door: QueryDoor, name: string): Promise<void>
}

/** Loads the module. Throws Failure with what to do where the app is not installed. */
export function loadDefinitions(): Promise<QueryDefinitions> {
  return importAppModule<QueryDefinitions>('analytics', 'definitions')
}

/** What calls are given by this process. */
export function doorOf(client: Client): QueryDoor {
  return { client, now: Date.now, uuid: randomUUID }
}

/** Runs `use`; what it refuses of queries becomes a failure of the verb. */
export async function refusing<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'QueryError') throw error
    const { code } = error as Error & { readonly code?: unknown }
    const exit = code === 'invalid' ? 'usage' : code === 'notFound' ? 'notFound' : 'failed'
    const advice = code === 'notFound' ? ' See `millrace query list`.' : ''
    throw new Failure(error.message + advice, exit, { cause: error })
  }
}
