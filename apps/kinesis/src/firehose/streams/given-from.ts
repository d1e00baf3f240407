// What the Firehose API says of a delivery that was made through another door: in its words, as far as it has any. Pure.
import { basename } from 'node:path'
import type { DeliveryCompression, DeliveryDefinition, ObjectDestination } from 'millrace/protocol'
import { streamArn } from '../../identifiers/arn.ts'
import type { ExtendedS3Configuration, GivenDelivery, HttpConfiguration } from '../given.ts'
import { conversionFrom, processingFrom } from './given-processing.ts'

const MIB = 1024 * 1024

/** Zstandard has no word there. */
const compressions: Readonly<Record<DeliveryCompression, ExtendedS3Configuration['CompressionFormat']>> = {
  none: 'UNCOMPRESSED',
  gzip: 'GZIP',
  zip: 'ZIP',
  snappy: 'Snappy',
  'hadoop-snappy': 'HADOOP_SNAPPY',
  zstd: undefined,
}

/** A delivery to a stream has no destination in the words of the API: `configuration` of one is never shown. */
export function givenFrom(
  definition: DeliveryDefinition,
  place: { readonly region: string; readonly account: string },
): GivenDelivery {
  const { source, destination } = definition
  const RoleARN = `arn:aws:iam::${place.account}:role/millrace-delivery`
  return {
    type: source.isOwn ? 'DirectPut' : 'KinesisStreamAsSource',
    destination:
      destination.type === 'http'
        ? { type: 'http', configuration: httpFrom(definition, destination, RoleARN) }
        : { type: 's3', configuration: s3From(definition, destination, RoleARN) },
    ...(!source.isOwn && {
      source: { KinesisStreamARN: streamArn({ ...place, name: source.stream }), RoleARN },
    }),
  }
}

function s3From(
  definition: DeliveryDefinition,
  destination: DeliveryDefinition['destination'],
  RoleARN: string,
): ExtendedS3Configuration {
  const { prefix, errorPrefix, buffer, compression, timeZone, extension, backup } = definition
  const BucketARN = destination.type === 's3' || destination.type === 'directory' ? arnOf(destination) : ''
  return {
    RoleARN,
    BucketARN,
    Prefix: prefix,
    ErrorOutputPrefix: errorPrefix,
    BufferingHints: hintsOf(buffer),
    CompressionFormat: compressions[compression],
    CustomTimeZone: timeZone,
    FileExtension: extension,
    DataFormatConversionConfiguration: conversionFrom(definition),
    ProcessingConfiguration: processingFrom(definition),
    DynamicPartitioningConfiguration: definition.partitioning && { Enabled: true },
    S3BackupMode: backup?.mode === 'all' ? 'Enabled' : 'Disabled',
    S3BackupConfiguration: backup && { RoleARN, BucketARN: arnOf(backup.to), Prefix: backup.prefix },
  }
}

function httpFrom(
  definition: DeliveryDefinition,
  {
    url,
    contentEncoding,
    attributes = {},
    retryMs,
  }: DeliveryDefinition['destination'] & { readonly type: 'http' },
  RoleARN: string,
): HttpConfiguration {
  const { buffer, backup } = definition
  return {
    EndpointConfiguration: { Url: url },
    BufferingHints: hintsOf(buffer),
    RequestConfiguration: {
      ContentEncoding: contentEncoding === 'gzip' ? 'GZIP' : 'NONE',
      CommonAttributes: Object.entries(attributes).map(([AttributeName, AttributeValue]) => ({
        AttributeName,
        AttributeValue,
      })),
    },
    ProcessingConfiguration: processingFrom(definition),
    RetryOptions: { DurationInSeconds: Math.round(retryMs / 1000) },
    S3BackupMode: backup?.mode === 'all' ? 'AllData' : 'FailedDataOnly',
    S3Configuration: {
      RoleARN,
      BucketARN: backup === undefined ? '' : arnOf(backup.to),
      Prefix: backup?.prefix,
    },
  }
}

function hintsOf({ bytes, intervalMs }: DeliveryDefinition['buffer']) {
  return { SizeInMBs: Math.max(1, Math.round(bytes / MIB)), IntervalInSeconds: Math.round(intervalMs / 1000) }
}

/** A directory looks like a bucket of its own name. */
function arnOf(destination: ObjectDestination): string {
  const bucket =
    destination.type === 's3' ? destination.bucket : basename(destination.path).replaceAll(/[^\w.-]/g, '-')
  return `arn:aws:s3:::${bucket}`
}
