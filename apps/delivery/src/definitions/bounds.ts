// Bounds of definitions, in one table, with those of Firehose beside them: what lies between is taken, and said. Pure data.

export interface Bound {
  /** Where it stands in a definition. */
  readonly place: string
  readonly what: string
  readonly unit: 'bytes' | 'ms' | 'count'
  readonly min: number
  readonly max: number
  /** Firehose's, where ours are wider. */
  readonly firehose?: { readonly min: number; readonly max: number }
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const SECOND_MS = 1000
const DAY_MS = 86_400 * SECOND_MS

export const bounds = {
  bufferBytes: {
    place: 'buffer.bytes',
    what: 'The size of a buffer',
    unit: 'bytes',
    min: KiB,
    max: 4 * GiB,
    firehose: { min: MiB, max: 128 * MiB },
  },
  bufferIntervalMs: {
    place: 'buffer.intervalMs',
    what: 'The interval of a buffer',
    unit: 'ms',
    min: 0,
    max: DAY_MS,
    firehose: { min: 0, max: 900 * SECOND_MS },
  },
  partitionsMax: {
    place: 'partitioning.partitionsMax',
    what: 'The number of partitions that wait at a time',
    unit: 'count',
    min: 1,
    max: 5000,
  },
  transformBytes: {
    place: 'transform.bufferBytes',
    what: 'The size of a call of the function',
    unit: 'bytes',
    min: KiB,
    max: 3 * MiB,
  },
  transformIntervalMs: {
    place: 'transform.bufferIntervalMs',
    what: 'The interval between calls of the function',
    unit: 'ms',
    min: 0,
    max: 900 * SECOND_MS,
  },
  transformRetries: {
    place: 'transform.retriesMax',
    what: 'The number of retries of the function',
    unit: 'count',
    min: 0,
    max: 300,
  },
  httpRetryMs: {
    place: 'destination.retryMs',
    what: 'The time of retries',
    unit: 'ms',
    min: 0,
    max: 7200 * SECOND_MS,
  },
  rowGroupBytes: {
    place: 'format.rowGroupBytes',
    what: 'The size of a row group',
    unit: 'bytes',
    min: MiB,
    max: GiB,
  },
} as const satisfies Record<string, Bound>

/** What holds where nothing is said. */
export const defaults = {
  bufferBytes: 5 * MiB,
  /** Of objects that are made of many records to be good for reading: Parquet, and partitions. */
  largeBufferBytes: 128 * MiB,
  bufferIntervalMs: 300 * SECOND_MS,
  partitionsMax: 500,
  transformBytes: MiB,
  transformIntervalMs: 60 * SECOND_MS,
  transformRetries: 3,
  httpRetryMs: 300 * SECOND_MS,
  delimiter: '\n',
  errorPrefix: 'errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/',
  backupPrefix: 'backup/',
} as const

/** Characters of texts of a definition. */
export const lengths = { name: 64, extension: 128, delimiter: 1024, key: 128, queries: 50 } as const
