// Continuous queries as documents of the broker: what the app analytics carries out, and what every door to it writes (the command
// line, a program). Types, and the kinds of the documents: an app reads them by the name of the package.

/** Kinds of documents that the app analytics reads and writes. */
export const queryKinds = {
  /** Definitions, by the name of the query. */
  queries: 'queries',
  /** What the app says of a query: what it holds, what it has written, and why nothing comes out, by the name of each of its units. */
  reports: 'query-reports',
  /** Prepared and finished results, and from where rows are read again, by the name of each of its units. */
  progress: 'query-progress',
  /** Processes that carry queries out, by a name of their own. */
  hosts: 'query-hosts',
} as const

/** Where a query begins to read. */
export type QueryStart = 'TRIM_HORIZON' | 'LATEST' | { readonly atTimestamp: number }

/** How event time passes in a query: for its windows over a column of the rows, and over `arrival_time`. */
export interface QueryTime {
  /** How far behind the latest event time of a shard its watermark is: rows that come out of order by less are not late. */
  readonly outOfOrderMs: number
  /** A shard that has had no rows for so long does not hold the watermark. */
  readonly idleMs: number
  /** How far behind the watermark a row may be and count still: windows that were written then give their result again. Left out: 0. */
  readonly latenessMs?: number
}

/** How a query is carried out in parts, each by one process at a time. */
export interface QuerySharing {
  readonly parts: number
  /** Left out: each part reads the records of its range of hash keys. */
  readonly spread?: QuerySpread
}

/** How records come to the parts of a query that is shared by other keys than the partition key: by way of a stream of its own. */
export interface QuerySpread {
  /** `NAME.parts`; of a version that takes the place of one that has such a stream, `NAME.parts-VERSION`. */
  readonly stream: string
  /** Of the stream that was made for the query, and no other of its name. */
  readonly streamId: number
  /**
   * SQL over the columns of each stream that is read, by its name: rows with the same values, as text, come together. As many, and in the same
   * order, for each stream.
   */
  readonly keys: Readonly<Record<string, readonly string[]>>
}

/** A piece of a query that one process carries out at a time. */
export interface QueryUnit {
  /** Its reports and progress are kept by this name. */
  readonly name: string
  /** `spread`: it forwards records to the parts. `whole`: the query is not shared. */
  readonly stage: 'whole' | 'spread' | 'part'
  /** Its number among those of its stage, from 0. */
  readonly part: number
}

/** Returns the pieces of a query: itself where it is not shared, else those that spread come first. */
export function queryUnits(
  name: string,
  { sharing }: Pick<QueryDefinition, 'sharing'>,
): readonly QueryUnit[] {
  if (sharing === undefined) return [{ name, stage: 'whole', part: 0 }]
  const numbers = Array.from({ length: sharing.parts }, (_, part) => part)
  const parts = numbers.map((part): QueryUnit => ({ name: `${name}@${part}`, stage: 'part', part }))
  if (sharing.spread === undefined) return parts
  const spread = numbers.map((part): QueryUnit => ({ name: `${name}@spread-${part}`, stage: 'spread', part }))
  return [...spread, ...parts]
}

/** Places in streams, by the stream: as `StreamPosition` of the client. */
export type QueryPositions = Readonly<
  Record<
    string,
    {
      readonly streamId: number
      readonly shardsBelow: number
      readonly shards: Readonly<Record<string, number>>
    }
  >
>

/** What a version that is tried beside the one before it knows of it. */
export interface BesideQuery {
  /** Name of the query that it may take the place of, with its id and version at that time. */
  readonly name: string
  readonly id: string
  readonly version: number
  /** Streams that were made for its results: they end with it. */
  readonly streams: readonly string[]
  /** From this watermark on both write, in microseconds; null: from the beginning. Left out: it begins anew, at a time of its own. */
  readonly after?: number | null
  /** Results of that query since this time of arrival are also its own, in milliseconds; 0: since the trim horizon. */
  readonly since: number
  /** From where on its rows were read, at the beginning. */
  readonly begin: QueryPositions
}

export interface QueryDefinition {
  readonly createdAt: number
  readonly updatedAt: number
  /** A query that is deleted and made again has another one. */
  readonly id: string
  /** 1 at creation; each replacement adds one. */
  readonly version: number
  /** Of a version that does not go on where the one before it stopped: it begins at `from`. */
  readonly begins: boolean
  /** One or more statements `INSERT INTO target SELECT …`, separated by semicolons, as they were given. */
  readonly sql: string
  readonly state: 'running' | 'paused' | 'deleting'
  readonly from: QueryStart
  readonly time: QueryTime
  /** Columns that are read of the JSON of each stream, by its name: the type of DuckDB by column. Found by a sample at creation where they were not given; fixed from then on. */
  readonly columns: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** The stream for rows that come too late; left out: they are counted, and dropped. */
  readonly lateTo?: string
  /** The stream for rows that cannot be taken, with the reason; left out: they are counted, and dropped. */
  readonly errorsTo?: string
  /** Streams that results go to, where they have other names than the SQL and the fields above have for them: by that name. */
  readonly outputs?: Readonly<Record<string, string>>
  /** Of a version that is tried beside the one before it. */
  readonly beside?: BesideQuery
  /** Of a version that was tried before: its id then, and where it takes up rows of open windows, and streams that the one before did not read. */
  readonly promoted?: {
    readonly id: string
    readonly positions: QueryPositions
    readonly replayFrom: QueryPositions
  }
  readonly description?: string
  /** Left out: one process carries all of it out at a time. */
  readonly sharing?: QuerySharing
}

/** How a shard of an input stands. */
export interface QueryShardReport {
  readonly shardId: string
  /** Sequence number of the next record to read. */
  readonly next: number
  /** Latest event time of its rows; undefined before the first one. */
  readonly latestEventTime?: number
  /** Whether it holds the watermark: not while it is idle. */
  readonly isIdle: boolean
  readonly behindMs: number
}

/** Written by the app every few seconds. */
export interface QueryReport {
  /** Of the definition that it is about. */
  readonly version: number
  readonly at: number
  readonly state: 'running' | 'paused' | 'failing' | 'waiting'
  /** Why nothing comes out, for a person; undefined while results flow. */
  readonly reason?: string
  /** Event time up to which all windows are written; undefined before the first row. */
  readonly watermark?: number
  /** Rows that open windows hold. */
  readonly rowsHeld: number
  readonly windowsOpen: number
  readonly rowsRead: number
  readonly rowsLate: number
  /** Rows that came when results of theirs were written, and changed them. */
  readonly rowsCountedLate: number
  readonly rowsRefused: number
  readonly rowsWritten: number
  /** Rows a second that were read, over the last report's time. */
  readonly rowsPerSecond: number
  readonly lastResultAt?: number
  readonly inputs: readonly { readonly stream: string; readonly shards: readonly QueryShardReport[] }[]
}
