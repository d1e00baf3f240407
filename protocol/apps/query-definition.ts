// Continuous queries as documents of the broker: what the app analytics carries out, and what every door to it writes (the command
// line, a program). Types, and the kinds of the documents: an app reads them by the name of the package.

/** Kinds of documents that the app analytics reads and writes. */
export const queryKinds = {
  /** Definitions, by the name of the query. */
  queries: 'queries',
  /** What the app says of a query: what it holds, what it has written, and why nothing comes out, by its name. */
  reports: 'query-reports',
  /** Prepared and finished results, and from where rows are read again, by its name. */
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
  readonly description?: string
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
  readonly rowsRefused: number
  readonly rowsWritten: number
  /** Rows a second that were read, over the last report's time. */
  readonly rowsPerSecond: number
  readonly lastResultAt?: number
  readonly inputs: readonly { readonly stream: string; readonly shards: readonly QueryShardReport[] }[]
}
