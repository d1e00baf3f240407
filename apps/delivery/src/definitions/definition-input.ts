// A delivery as somebody asks for it: what is left out gets the defaults. Pure.
import type {
  DeliveryDefinition,
  DeliveryDestination,
  DeliverySource,
  DeliveryTransform,
  HttpDestination,
  ObjectDestination,
} from 'millrace/protocol'
import { defaults } from './bounds.ts'

type Given<T, K extends keyof T> = Pick<T, K> & Partial<Omit<T, K>>

/** What can be changed later. */
export interface DeliveryChanges {
  readonly destination?:
    Exclude<DeliveryDestination, HttpDestination> | Given<HttpDestination, 'type' | 'url'>
  readonly prefix?: string
  readonly errorPrefix?: string
  readonly timeZone?: string
  readonly extension?: string
  readonly buffer?: Partial<DeliveryDefinition['buffer']>
  readonly delimiter?: string
  readonly compression?: DeliveryDefinition['compression']
  readonly format?: DeliveryDefinition['format']
  readonly partitioning?: Given<NonNullable<DeliveryDefinition['partitioning']>, 'queries'>
  readonly transform?: Given<DeliveryTransform, 'function'>
  readonly deaggregation?: DeliveryDefinition['deaggregation']
  readonly backup?: {
    readonly to: ObjectDestination
    readonly prefix?: string
    readonly mode?: 'all' | 'failed'
  }
  readonly tags?: DeliveryDefinition['tags']
  readonly asGiven?: DeliveryDefinition['asGiven']
}

export interface DeliveryInput extends DeliveryChanges {
  readonly source: Given<Omit<DeliverySource, 'streamId'>, 'stream'>
  readonly destination: NonNullable<DeliveryChanges['destination']>
}

/** Returns the definition of a new delivery. */
export function newDefinition(input: DeliveryInput, now: number): DeliveryDefinition {
  const { source } = input
  const plain: DeliveryDefinition = {
    createdAt: now,
    updatedAt: now,
    version: 1,
    state: 'active',
    source: { stream: source.stream, from: source.from ?? 'TRIM_HORIZON', isOwn: source.isOwn ?? false },
    destination: destinationOf(input.destination),
    prefix: hivePrefix(input.partitioning?.queries ?? {}),
    errorPrefix: defaults.errorPrefix,
    timeZone: 'UTC',
    buffer: {
      bytes:
        input.format?.type === 'parquet' || input.partitioning !== undefined
          ? defaults.largeBufferBytes
          : defaults.bufferBytes,
      intervalMs: defaults.bufferIntervalMs,
    },
    delimiter: defaults.delimiter,
    compression: 'none',
    format: { type: 'raw' },
    tags: {},
  }
  return { ...plain, ...given(input, plain) }
}

/** Returns the definition with changes: the next version. */
export function changedDefinition(
  before: DeliveryDefinition,
  changes: DeliveryChanges,
  now: number,
): DeliveryDefinition {
  return { ...before, ...given(changes, before), version: before.version + 1, updatedAt: now }
}

/** `country=!{partitionKeyFromQuery:country}/` for each query: how Hive, Spark and DuckDB find columns in names. */
function hivePrefix(queries: Readonly<Record<string, string>>): string {
  return Object.keys(queries)
    .map((name) => `${name}=!{partitionKeyFromQuery:${name}}/`)
    .join('')
}

function given(changes: DeliveryChanges, before: DeliveryDefinition): Partial<DeliveryDefinition> {
  const { destination, buffer, partitioning, transform, backup } = changes
  const same = [
    'prefix',
    'errorPrefix',
    'timeZone',
    'extension',
    'delimiter',
    'compression',
    'format',
    'deaggregation',
    'tags',
    'asGiven',
  ] as const
  return {
    ...Object.fromEntries(
      same.flatMap((name) => (changes[name] === undefined ? [] : [[name, changes[name]]])),
    ),
    ...(destination !== undefined && { destination: destinationOf(destination) }),
    ...(buffer !== undefined && {
      buffer: {
        bytes: buffer.bytes ?? before.buffer.bytes,
        intervalMs: buffer.intervalMs ?? before.buffer.intervalMs,
      },
    }),
    ...(partitioning !== undefined && {
      partitioning: {
        queries: partitioning.queries,
        partitionsMax:
          partitioning.partitionsMax ?? before.partitioning?.partitionsMax ?? defaults.partitionsMax,
      },
    }),
    ...(transform !== undefined && {
      transform: {
        function: transform.function,
        bufferBytes: transform.bufferBytes ?? before.transform?.bufferBytes ?? defaults.transformBytes,
        bufferIntervalMs:
          transform.bufferIntervalMs ?? before.transform?.bufferIntervalMs ?? defaults.transformIntervalMs,
        retriesMax: transform.retriesMax ?? before.transform?.retriesMax ?? defaults.transformRetries,
      },
    }),
    ...(backup !== undefined && {
      backup: {
        to: backup.to,
        prefix: backup.prefix ?? before.backup?.prefix ?? defaults.backupPrefix,
        mode: backup.mode ?? before.backup?.mode ?? 'failed',
      },
    }),
  }
}

function destinationOf(destination: DeliveryInput['destination']): DeliveryDestination {
  if (destination.type !== 'http') return destination
  return { contentEncoding: 'none', retryMs: defaults.httpRetryMs, ...destination }
}
