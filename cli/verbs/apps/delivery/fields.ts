// The flags of `delivery create` and `delivery update`, and the fields of a delivery that they make. Pure.
import { Option, type Command } from 'commander'
import {
  deliveryCompressions,
  type DeliveryDefinition,
  type ParquetColumn,
} from '../../../../protocol/apps/delivery-definition.ts'
import { duration, size, wholeNumber } from '../../../arguments.ts'
import { Failure } from '../../../failure.ts'
import type { DeliveryFields } from './definitions-module.ts'
import { objectPlaceOf, pairsOf, placeOf, type PlaceFlags } from './place.ts'

export interface FieldFlags extends PlaceFlags {
  readonly to?: string
  readonly prefix?: string
  readonly errorPrefix?: string
  readonly timeZone?: string
  readonly extension?: string
  readonly bufferSize?: number
  readonly bufferInterval?: number
  readonly delimiter?: string
  readonly compression?: string
  readonly format?: 'raw' | 'parquet'
  readonly column?: readonly string[]
  readonly rowGroupSize?: number
  readonly partitionBy?: readonly string[]
  readonly partitionsMax?: number
  readonly transform?: string
  readonly transformSize?: number
  readonly transformInterval?: number
  readonly transformRetries?: number
  readonly deaggregate?: readonly string[]
  readonly backup?: string
  readonly backupPrefix?: string
  readonly backupMode?: 'all' | 'failed'
  readonly tag?: readonly string[]
}

const parquetCompressions = ['snappy', 'gzip', 'zstd', 'none'] as const

const several = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
]

/** Adds the flags to a verb. */
export function withFields(command: Command): Command {
  const compressions = deliveryCompressions.join(', ')
  return command
    .option(
      '--prefix <text>',
      'begins the names of objects; with !{timestamp:…}, !{partitionKeyFromQuery:…}, as in Firehose',
    )
    .option('--error-prefix <text>', 'the same for error documents; with !{firehose:error-output-type}')
    .option('--time-zone <name>', 'of times in names, such as Europe/Berlin (UTC)')
    .option('--extension <text>', 'ends the names, instead of that of format and compression')
    .addOption(
      new Option('--format <format>', 'raw: records as they are; parquet: JSON records as columns').choices([
        'raw',
        'parquet',
      ]),
    )
    .option(
      '--column <name:type>',
      'a column of Parquet, such as age:BIGINT; left out: inferred. May be repeated',
      several,
    )
    .option('--row-group-size <size>', 'of Parquet', size)
    .option('--compression <name>', `${compressions}; of Parquet: ${parquetCompressions.join(', ')}`)
    .option(
      '--delimiter <text>',
      'behind each record (a line feed; \\n, \\t, \\r and \\\\ are understood; "" for none)',
    )
    .option(
      '--partition-by <jq>',
      'files apart by this expression over JSON records: .country, or name=expression. May be repeated',
      several,
    )
    .option(
      '--partitions-max <count>',
      'partitions that wait at a time; beyond it, the oldest is written early (500)',
      wholeNumber(1),
    )
    .option(
      '--buffer-size <size>',
      'writes an object when it has so many bytes, before compression (5MiB; Parquet and partitions 128MiB)',
      size,
    )
    .option(
      '--buffer-interval <duration>',
      'or when its oldest record has waited so long (5m); 0s: at once',
      duration,
    )
    .option('--transform <function>', 'sends records through a function: its name, or a url')
    .option('--transform-size <size>', 'of one call of it (1MiB)', size)
    .option('--transform-interval <duration>', 'between calls of it, at most (1m)', duration)
    .option('--transform-retries <count>', 'calls after one that fails (3)', wholeNumber(0))
    .option(
      '--deaggregate <kind>',
      'takes records apart: kpl, json (objects one behind the other), or delimited:TEXT. May be repeated',
      several,
    )
    .option(
      '--backup <place>',
      'path or s3://bucket/prefix for what an endpoint does not take, or for all records as they came',
    )
    .option('--backup-prefix <text>', 'begins the names there (backup/)')
    .addOption(new Option('--backup-mode <mode>', 'what goes there (failed)').choices(['failed', 'all']))
    .option('--s3-endpoint <url>', 'a server that speaks S3 (AWS)')
    .option('--s3-region <name>', 'of the bucket')
    .option('--access-key <text>', 'sent to an HTTP endpoint')
    .option('--attribute <name=value>', 'sent to an HTTP endpoint. May be repeated', several)
    .addOption(
      new Option('--content-encoding <name>', 'of requests to an HTTP endpoint').choices(['none', 'gzip']),
    )
    .option(
      '--retry-duration <duration>',
      'how long an HTTP endpoint is tried before records go to the backup (5m)',
      duration,
    )
    .option('--tag <key=value>', 'a tag. May be repeated', several)
}

/** Returns the fields that flags give. Throws Failure (usage). */
export function fieldsOf(flags: FieldFlags, directory: string, before?: DeliveryDefinition): DeliveryFields {
  const place = flags.to === undefined ? undefined : placeOf(flags.to, flags, directory)
  const queries = flags.partitionBy === undefined ? undefined : queriesOf(flags.partitionBy)
  const format = formatOf(flags, before?.format)
  // A prefix in the place stands before everything, and before the keys of partitions.
  const hive = Object.keys(queries ?? {}).map((name) => `${name}=!{partitionKeyFromQuery:${name}}/`)
  const given = flags.prefix ?? (queries === undefined ? undefined : hive.join(''))
  const prefix = place === undefined || place.prefix === '' ? given : place.prefix + (given ?? '')
  const { bufferSize, bufferInterval } = flags
  const compression = format.compression ?? undefined
  return {
    ...(place !== undefined && { destination: place.destination }),
    ...(prefix !== undefined && { prefix }),
    ...(flags.errorPrefix !== undefined && { errorPrefix: flags.errorPrefix }),
    ...(flags.timeZone !== undefined && { timeZone: flags.timeZone }),
    ...(flags.extension !== undefined && { extension: flags.extension }),
    ...((bufferSize ?? bufferInterval) !== undefined && {
      buffer: {
        ...(bufferSize !== undefined && { bytes: bufferSize }),
        ...(bufferInterval !== undefined && { intervalMs: bufferInterval }),
      },
    }),
    ...(flags.delimiter !== undefined && { delimiter: unescaped(flags.delimiter) }),
    ...(compression !== undefined && { compression }),
    ...(format.format !== undefined && { format: format.format }),
    ...partitioningOf(flags, queries, before),
    ...transformOf(flags, before),
    ...(flags.deaggregate !== undefined && { deaggregation: flags.deaggregate.map(deaggregationOf) }),
    ...backupOf(flags, directory, before),
    ...(flags.tag !== undefined && { tags: pairsOf(flags.tag, '--tag') }),
  }
}

/** `.country` has the name country; others are given one: `kind=.a.b // "none"`. */
function queriesOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const named = /^(\w+)=(?!=)(.+)$/s.exec(text)
      if (named !== null) return [named[1]!, named[2]!]
      const plain = /(\w+)"?\]?$/.exec(text)
      if (plain !== null && /^[.\w"[\]-]+$/.test(text)) return [plain[1]!, text]
      const message = `--partition-by ${text} needs a name: --partition-by 'name=${text}'.`
      throw new Failure(message, 'usage')
    }),
  )
}

function partitioningOf(
  { partitionsMax }: FieldFlags,
  queries: Record<string, string> | undefined,
  before: DeliveryDefinition | undefined,
): Pick<DeliveryFields, 'partitioning'> {
  const all = queries ?? before?.partitioning?.queries
  if (queries === undefined && partitionsMax === undefined) return {}
  if (all === undefined) throw new Failure('--partitions-max goes with --partition-by.', 'usage')
  return { partitioning: { queries: all, ...(partitionsMax !== undefined && { partitionsMax }) } }
}

function transformOf(
  flags: FieldFlags,
  before: DeliveryDefinition | undefined,
): Pick<DeliveryFields, 'transform'> {
  const { transform, transformSize, transformInterval, transformRetries } = flags
  const name = transform ?? before?.transform?.function
  const given = {
    ...(transformSize !== undefined && { bufferBytes: transformSize }),
    ...(transformInterval !== undefined && { bufferIntervalMs: transformInterval }),
    ...(transformRetries !== undefined && { retriesMax: transformRetries }),
  }
  if (transform === undefined && Object.keys(given).length === 0) return {}
  if (name === undefined) throw new Failure('The options of the transform go with --transform.', 'usage')
  return { transform: { function: name, ...given } }
}

function backupOf(
  flags: FieldFlags,
  directory: string,
  before: DeliveryDefinition | undefined,
): Pick<DeliveryFields, 'backup'> {
  const { backup, backupPrefix, backupMode } = flags
  if (backup === undefined && backupPrefix === undefined && backupMode === undefined) return {}
  const place = backup === undefined ? undefined : objectPlaceOf(backup, flags, directory)
  const to = place?.destination ?? before?.backup?.to
  if (to === undefined) throw new Failure('--backup-prefix and --backup-mode go with --backup.', 'usage')
  const prefix =
    place === undefined || place.prefix === '' ? backupPrefix : place.prefix + (backupPrefix ?? '')
  return {
    backup: {
      to,
      ...(prefix !== undefined && { prefix }),
      ...(backupMode !== undefined && { mode: backupMode }),
    },
  }
}

function formatOf(
  { format, column, rowGroupSize, compression }: FieldFlags,
  before: DeliveryDefinition['format'] | undefined,
): {
  readonly format?: DeliveryDefinition['format']
  readonly compression?: DeliveryDefinition['compression']
} {
  const isParquet = (format ?? before?.type) === 'parquet'
  if (!isParquet) {
    if (column !== undefined || rowGroupSize !== undefined) {
      throw new Failure('--column and --row-group-size go with --format parquet.', 'usage')
    }
    return {
      ...(format !== undefined && { format: { type: 'raw' } }),
      ...(compression !== undefined && {
        compression: choice(compression, deliveryCompressions, '--compression'),
      }),
    }
  }
  if (format === undefined && column === undefined && rowGroupSize === undefined && compression === undefined)
    return {}
  const known = before?.type === 'parquet' ? before : undefined
  const columns = column === undefined ? known?.columns : column.map(columnOf)
  const rowGroupBytes = rowGroupSize ?? known?.rowGroupBytes
  return {
    format: {
      type: 'parquet',
      compression:
        compression === undefined
          ? (known?.compression ?? 'snappy')
          : choice(compression, parquetCompressions, '--compression of Parquet'),
      ...(columns !== undefined && { columns }),
      ...(rowGroupBytes !== undefined && { rowGroupBytes }),
    },
    // Compressed inside, and not once more outside.
    compression: 'none',
  }
}

function columnOf(text: string): ParquetColumn {
  const colon = text.indexOf(':')
  if (colon < 1) throw new Failure(`--column ${text} is no name:type.`, 'usage')
  return { name: text.slice(0, colon), type: text.slice(colon + 1) }
}

function deaggregationOf(text: string): NonNullable<DeliveryFields['deaggregation']>[number] {
  if (text === 'kpl' || text === 'json') return { type: text }
  if (text.startsWith('delimited:')) {
    return { type: 'delimited', delimiter: unescaped(text.slice('delimited:'.length)) }
  }
  throw new Failure(`--deaggregate ${text} is none of kpl, json and delimited:TEXT.`, 'usage')
}

function choice<T extends string>(text: string, choices: readonly T[], option: string): T {
  const chosen = choices.find((each) => each === text)
  if (chosen !== undefined) return chosen
  throw new Failure(`${option} ${text} is none of ${choices.join(', ')}.`, 'usage')
}

function unescaped(text: string): string {
  const meanings: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0', '\\': '\\' }
  return text.replace(/\\([ntr0\\])/g, (_, letter: string) => meanings[letter]!)
}
