// Functions and their event source mappings as documents of the broker: what the app functions carries out, and what every door to it
// writes (the command line, the Lambda API, a program). Types, and the kinds of the documents: an app reads them by the name of the package.

/** Kinds of documents that the app functions reads and writes. */
export const functionKinds = {
  /** Definitions, by the name of the function. */
  functions: 'functions',
  /** Event source mappings, by their UUID. */
  mappings: 'event-source-mappings',
  /** What the app says of a mapping: state and last result, by its UUID. */
  reports: 'event-source-reports',
  /** Prepared and finished work, by `uuid/streamId/shardIndex`. */
  progress: 'event-source-progress',
  /** Where copies of the app take calls of functions, by a name of the copy. */
  endpoints: 'function-endpoints',
} as const

/** The stream that keeps what handlers print: its records have the function's name as partition key. */
export const FUNCTION_LOG_STREAM = 'function-logs'

export type FunctionTarget =
  /** A JavaScript or TypeScript module of the machine that the app runs on, as an absolute path, and the name of the export. */
  | { readonly type: 'module'; readonly path: string; readonly handler: string }
  /** An endpoint that takes an event by POST: a plain url, or that of AWS' Runtime Interface Emulator (`/2015-03-31/functions/function/invocations`). */
  | { readonly type: 'http'; readonly url: string }

export interface FunctionDefinition {
  readonly createdAt: number
  readonly updatedAt: number
  /** 1 at creation; each change adds one. */
  readonly version: number
  readonly target: FunctionTarget
  readonly timeoutMs: number
  /** Bound of the old generation of the thread that runs a module. */
  readonly memoryMiB: number
  readonly environment: Readonly<Record<string, string>>
  readonly description?: string
  /** Loads the module anew when its file changes. */
  readonly isWatched: boolean
  readonly tags: Readonly<Record<string, string>>
  /** What a door has to show again as it was given, by the door's name. */
  readonly asGiven?: Readonly<Record<string, unknown>>
}

export type MappingStart = 'TRIM_HORIZON' | 'LATEST' | { readonly atTimestamp: number }

/** Where the document about a batch that was given up goes. */
export type FailureDestination =
  | { readonly type: 'stream'; readonly stream: string }
  | { readonly type: 'delivery'; readonly delivery: string }
  | { readonly type: 'http'; readonly url: string }

/** Records of a shard that are passed over by command. */
export interface SkippedRecords {
  /** The stream that has them: one that is made again under its name has others. */
  readonly streamId: number
  readonly shardId: string
  /** The first one, and the number after the last one. */
  readonly from: number
  readonly to: number
  /** Only those of this lane; left out: of all lanes. */
  readonly lane?: number
  /** When it was asked for. */
  readonly at: number
}

export interface EventSourceMapping {
  readonly createdAt: number
  readonly updatedAt: number
  /** Rises with each change; 0 while it is being made, when nothing runs it. */
  readonly version: number
  /** Name of the function. */
  readonly function: string
  readonly source: {
    readonly stream: string
    /** Reads as this registered consumer, pushed. */
    readonly consumer?: string
    readonly from: MappingStart
  }
  readonly state: 'enabled' | 'disabled' | 'deleting'
  readonly batchSize: number
  readonly batchWindowMs: number
  /** Batches of one shard at a time; records of one key stay in order. */
  readonly parallelizationFactor: number
  /** Attempts after the first; -1: until the records expire. */
  readonly retriesMax: number
  /** -1: no bound. */
  readonly recordAgeMaxMs: number
  readonly bisectsOnError: boolean
  readonly reportsItemFailures: boolean
  /** 0: no windows. */
  readonly tumblingWindowMs: number
  /** Filter patterns as JSON texts, of which one must match; empty: all records pass. */
  readonly filters: readonly string[]
  readonly onFailure?: FailureDestination
  /** What the function answers with is put into this stream: `{ records: [{ partitionKey?, data }] }`, or an array of values. */
  readonly to?: { readonly stream: string }
  readonly skips?: readonly SkippedRecords[]
  readonly tags: Readonly<Record<string, string>>
  readonly asGiven?: Readonly<Record<string, unknown>>
}

/** What one copy of the app has done for a mapping since it began, in the names of Lambda's metrics. */
export interface EventSourceCounters {
  /** Records that were read. */
  readonly polledEventCount: number
  /** Records that filters kept out. */
  readonly filteredOutEventCount: number
  /** Records that the function was called with; a record that is tried again counts again. */
  readonly invokedEventCount: number
  /** Records of calls that failed. */
  readonly failedInvokeEventCount: number
  /** Records that were given up. */
  readonly droppedEventCount: number
  /** Age of the last record of the call that ended last, in milliseconds; absent before the first. */
  readonly iteratorAgeMs?: number
}

/** What one copy of the app says of a mapping: of the shards that it has. */
export interface EventSourceCopy extends Pick<
  EventSourceReport,
  'version' | 'state' | 'lastResult' | 'reason' | 'at'
> {
  /** When the call ended that the last result is of; absent before the first. */
  readonly calledAt?: number
  readonly counters: EventSourceCounters
}

/** What the app says of a mapping: all copies of it that were heard of lately, together. */
export interface EventSourceReport {
  /** That of the mapping, as far as every copy has got. */
  readonly version: number
  readonly state: 'enabled' | 'disabled' | 'refused'
  /** Lambda's words: `No records processed`, `OK`, `PROBLEM: Function call failed`. */
  readonly lastResult: string
  /** Why it is refused, or stands still, and where. */
  readonly reason?: string
  /** By a name of each copy of the app that was heard of lately. */
  readonly copies?: Readonly<Record<string, EventSourceCopy>>
  readonly at: number
}

/** Where a copy of the app takes calls: `POST url/2015-03-31/functions/NAME/invocations` with `Authorization: Bearer secret`. */
export interface FunctionEndpoint {
  readonly url: string
  readonly secret: string
  readonly startedAt: number
  /** Renewed while the copy lives; one that is older than `FUNCTION_ENDPOINT_LIFE_MS` counts no more. */
  readonly renewedAt: number
}

export const FUNCTION_ENDPOINT_LIFE_MS = 30_000

/** The copies of the app that live, by when they were last heard of: the newest first. */
export function liveFunctionEndpoints(
  endpoints: Iterable<FunctionEndpoint>,
  now: number,
): readonly FunctionEndpoint[] {
  return [...endpoints]
    .filter(({ renewedAt }) => renewedAt + FUNCTION_ENDPOINT_LIFE_MS > now)
    .sort((a, b) => b.renewedAt - a.renewedAt)
}

/** Where a copy of the app takes calls of a function. */
export function invocationUrl({ url }: Pick<FunctionEndpoint, 'url'>, name: string): URL {
  return new URL(`/2015-03-31/functions/${encodeURIComponent(name)}/invocations`, url)
}
