// The part of a definition that a destination of a request decides. Pure.
import type { DeliveryCompression, DeliveryDefinition } from 'millrace/protocol'
import type {
  ExtendedS3Configuration,
  GivenDestination,
  HttpConfiguration,
  S3Configuration,
} from '../given.ts'
import { invalid } from '../model/errors.ts'
import { placeOfBucket } from './buckets.ts'
import { translateHints } from './buffering.ts'
import { isConverted, translateFormat } from './conversion.ts'
import { checkPrefixes } from './prefixes.ts'
import { translateProcessing } from './processors.ts'

export interface TranslationRules {
  /** See `placeOfBucket`. */
  readonly buckets: string | undefined
  /** Records come from a Kinesis stream: those that KPL has packed are taken apart, as the service does. */
  readonly isStreamSourced: boolean
}

/** What a destination says of a definition. */
export type DestinationParts = Omit<
  DeliveryDefinition,
  'createdAt' | 'updatedAt' | 'version' | 'state' | 'source' | 'tags' | 'asGiven'
>

const compressions: Readonly<Record<NonNullable<S3Configuration['CompressionFormat']>, DeliveryCompression>> =
  {
    UNCOMPRESSED: 'none',
    GZIP: 'gzip',
    ZIP: 'zip',
    Snappy: 'snappy',
    HADOOP_SNAPPY: 'hadoop-snappy',
  }

const PARTITIONS_MAX = 500
const HTTP_RETRY_SECONDS = 300

/** Fails with InvalidArgumentException for what the service, or this endpoint, does not take. */
export function translateDestination(given: GivenDestination, rules: TranslationRules): DestinationParts {
  return given.type === 's3' ? fromS3(given.configuration, rules) : fromHttp(given.configuration, rules)
}

function fromS3(configuration: ExtendedS3Configuration, rules: TranslationRules): DestinationParts {
  const { Prefix = '', ErrorOutputPrefix = '', FileExtension = '', CustomTimeZone = '' } = configuration
  const processing = translateProcessing(configuration.ProcessingConfiguration)
  const isPartitioned = configuration.DynamicPartitioningConfiguration?.Enabled === true
  if (processing.queries !== undefined && !isPartitioned) {
    throw invalid('The processor MetadataExtraction is only allowed when Dynamic Partitioning is enabled.')
  }
  const queries = processing.queries ?? {}
  if (isPartitioned && processing.queries === undefined && processing.transform === undefined) {
    throw invalid('Dynamic Partitioning needs a processor MetadataExtraction or Lambda.')
  }
  checkPrefixes({
    prefix: Prefix,
    errorPrefix: ErrorOutputPrefix,
    isPartitioned,
    queryKeys: Object.keys(queries),
  })
  const backup = backupOf(configuration)
  return {
    destination: placeOfBucket(configuration.BucketARN, rules.buckets),
    prefix: Prefix,
    errorPrefix: ErrorOutputPrefix,
    timeZone: timeZoneOf(CustomTimeZone),
    ...(FileExtension !== '' && { extension: FileExtension }),
    buffer: translateHints(configuration.BufferingHints, {
      isPartitioned,
      isConverted: isConverted(configuration),
    }),
    compression: compressions[configuration.CompressionFormat ?? 'UNCOMPRESSED'],
    format: translateFormat(configuration),
    ...middleOf(processing, rules),
    ...(isPartitioned && { partitioning: { queries, partitionsMax: PARTITIONS_MAX } }),
    ...(backup && {
      backup: {
        to: placeOfBucket(backup.BucketARN, rules.buckets),
        prefix: backup.Prefix ?? '',
        mode: 'all',
      },
    }),
  }
}

function backupOf({
  S3BackupMode,
  S3BackupConfiguration,
}: ExtendedS3Configuration): S3Configuration | undefined {
  if (S3BackupMode !== 'Enabled') return undefined
  if (S3BackupConfiguration !== undefined) return S3BackupConfiguration
  throw invalid('S3BackupConfiguration is required when S3BackupMode is Enabled.')
}

function fromHttp(configuration: HttpConfiguration, rules: TranslationRules): DestinationParts {
  const {
    EndpointConfiguration: endpoint,
    RequestConfiguration: request,
    S3Configuration: backup,
  } = configuration
  if (configuration.SecretsManagerConfiguration?.Enabled === true) {
    throw invalid(
      'SecretsManagerConfiguration is not supported by this endpoint: give the AccessKey of the endpoint.',
    )
  }
  const processing = translateProcessing(configuration.ProcessingConfiguration)
  if (processing.queries !== undefined) {
    throw invalid('The processor MetadataExtraction is only allowed when Dynamic Partitioning is enabled.')
  }
  const { Prefix = '', ErrorOutputPrefix = '' } = backup
  checkPrefixes({ prefix: Prefix, errorPrefix: ErrorOutputPrefix, isPartitioned: false, queryKeys: [] })
  const attributes = request?.CommonAttributes?.map(
    ({ AttributeName, AttributeValue }) => [AttributeName, AttributeValue] as const,
  )
  return {
    destination: {
      type: 'http',
      url: endpoint.Url,
      ...(endpoint.AccessKey !== undefined && { accessKey: endpoint.AccessKey }),
      ...(attributes !== undefined && { attributes: Object.fromEntries(attributes) }),
      contentEncoding: request?.ContentEncoding === 'GZIP' ? 'gzip' : 'none',
      retryMs: (configuration.RetryOptions?.DurationInSeconds ?? HTTP_RETRY_SECONDS) * 1000,
    },
    prefix: '',
    errorPrefix: ErrorOutputPrefix,
    timeZone: 'UTC',
    buffer: translateHints(configuration.BufferingHints, { isPartitioned: false, isConverted: false }),
    compression: 'none',
    format: { type: 'raw' },
    ...middleOf(processing, rules),
    backup: {
      to: placeOfBucket(backup.BucketARN, rules.buckets),
      prefix: Prefix,
      mode: configuration.S3BackupMode === 'AllData' ? 'all' : 'failed',
    },
  }
}

function middleOf(
  { delimiter, transform, deaggregation }: ReturnType<typeof translateProcessing>,
  { isStreamSourced }: TranslationRules,
): Pick<DeliveryDefinition, 'delimiter' | 'transform' | 'deaggregation'> {
  const taken = [...(isStreamSourced ? [{ type: 'kpl' } as const] : []), ...deaggregation]
  return {
    delimiter,
    ...(transform !== undefined && { transform }),
    ...(taken.length > 0 && { deaggregation: taken }),
  }
}

function timeZoneOf(name: string): string {
  if (name === '') return 'UTC'
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return name
  } catch {
    throw invalid(`CustomTimeZone ${name} is not a valid time zone.`)
  }
}
