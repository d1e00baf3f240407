// A delivery as DescribeDeliveryStream shows it: what was given, and the service's defaults where nothing was. Pure.
import type { DeliveryDefinition, DeliveryVerdict } from 'millrace/protocol'
import {
  givenOf,
  type ExtendedS3Configuration,
  type GivenDelivery,
  type HttpConfiguration,
  type S3Configuration,
} from '../given.ts'
import type { FirehoseOutput } from '../model/operations.ts'
import { deliveryStreamArn, DESTINATION_ID } from '../names.ts'
import { filledHints } from '../translation/buffering.ts'
import { isConverted } from '../translation/conversion.ts'
import { givenFrom } from './given-from.ts'

type Description = FirehoseOutput<'DescribeDeliveryStream'>['DeliveryStreamDescription']
type Destination = Description['Destinations'][number]
type S3Description = NonNullable<Destination['S3DestinationDescription']>
type ExtendedDescription = NonNullable<Destination['ExtendedS3DestinationDescription']>
type HttpDescription = NonNullable<Destination['HttpEndpointDestinationDescription']>

export interface DescribedDelivery {
  readonly name: string
  readonly definition: DeliveryDefinition
  readonly verdict: DeliveryVerdict | undefined
  readonly region: string
  readonly account: string
}

export function describeDelivery(described: DescribedDelivery): Description {
  const { name, definition, verdict, region, account } = described
  const given = givenOf(definition) ?? givenFrom(definition, { region, account })
  const { encryption } = given
  const failure = verdict?.verdict === 'refused' ? verdict.reason : undefined
  return {
    DeliveryStreamName: name,
    DeliveryStreamARN: deliveryStreamArn({ region, account, name }),
    DeliveryStreamStatus: statusOf(definition, verdict),
    ...(failure !== undefined && {
      FailureDescription: { Type: 'UNKNOWN_ERROR' as const, Details: failure },
    }),
    DeliveryStreamEncryptionConfiguration: encryption ?? { Status: 'DISABLED' },
    DeliveryStreamType: given.type,
    VersionId: String(definition.version),
    CreateTimestamp: new Date(definition.createdAt),
    ...(definition.version > 1 && { LastUpdateTimestamp: new Date(definition.updatedAt) }),
    ...sourceOf(given, definition),
    Destinations: [{ DestinationId: DESTINATION_ID, ...destinationOf(given, definition) }],
    HasMoreDestinations: false,
  }
}

/** CREATING until the app takes the delivery on; a refused change leaves what was there before. */
function statusOf(
  { state, version }: DeliveryDefinition,
  verdict: DeliveryVerdict | undefined,
): Description['DeliveryStreamStatus'] {
  if (state === 'deleting') return 'DELETING'
  if (verdict === undefined) return 'CREATING'
  return verdict.verdict === 'refused' && version === 1 ? 'CREATING_FAILED' : 'ACTIVE'
}

function sourceOf(
  { source, throughputHint }: GivenDelivery,
  { source: { from }, createdAt }: DeliveryDefinition,
): Pick<Description, 'Source'> {
  if (source === undefined) {
    return throughputHint === undefined
      ? {}
      : { Source: { DirectPutSourceDescription: { ThroughputHintInMBs: throughputHint } } }
  }
  const startedAt = typeof from === 'object' ? from.atTimestamp : createdAt
  const KinesisStreamSourceDescription = { ...source, DeliveryStartTimestamp: new Date(startedAt) }
  return { Source: { KinesisStreamSourceDescription } }
}

function destinationOf(
  { destination: given }: GivenDelivery,
  { destination }: DeliveryDefinition,
): Omit<Destination, 'DestinationId'> {
  if (destination.type === 'stream') return {}
  if (given.type === 'http') return { HttpEndpointDestinationDescription: describeHttp(given.configuration) }
  return {
    S3DestinationDescription: describeS3(given.configuration, hintsOf(given.configuration)),
    ExtendedS3DestinationDescription: describeExtended(given.configuration),
  }
}

const noLogging = { Enabled: false }
const noProcessing = { Enabled: false, Processors: [] }

function hintsOf(configuration: ExtendedS3Configuration) {
  return filledHints(configuration.BufferingHints, {
    isPartitioned: configuration.DynamicPartitioningConfiguration?.Enabled === true,
    isConverted: isConverted(configuration),
  })
}

function describeS3(configuration: S3Configuration, hints: S3Description['BufferingHints']): S3Description {
  const { RoleARN, BucketARN, Prefix, ErrorOutputPrefix } = configuration
  return {
    RoleARN,
    BucketARN,
    Prefix,
    ErrorOutputPrefix,
    BufferingHints: hints,
    CompressionFormat: configuration.CompressionFormat ?? 'UNCOMPRESSED',
    EncryptionConfiguration: configuration.EncryptionConfiguration ?? { NoEncryptionConfig: 'NoEncryption' },
    CloudWatchLoggingOptions: configuration.CloudWatchLoggingOptions ?? noLogging,
  }
}

function describeExtended(configuration: ExtendedS3Configuration): ExtendedDescription {
  const {
    S3BackupConfiguration: backup,
    FileExtension,
    DynamicPartitioningConfiguration: partitioning,
  } = configuration
  return {
    ...describeS3(configuration, hintsOf(configuration)),
    ProcessingConfiguration: configuration.ProcessingConfiguration ?? noProcessing,
    S3BackupMode: configuration.S3BackupMode ?? 'Disabled',
    ...(backup !== undefined && { S3BackupDescription: describeS3(backup, plainHints(backup)) }),
    DataFormatConversionConfiguration: {
      ...configuration.DataFormatConversionConfiguration,
      Enabled: isConverted(configuration),
    },
    ...(partitioning !== undefined && { DynamicPartitioningConfiguration: partitioning }),
    ...(FileExtension !== undefined && { FileExtension }),
    CustomTimeZone: configuration.CustomTimeZone ?? 'UTC',
  }
}

/** The access key is a secret, and is not told. */
function describeHttp(configuration: HttpConfiguration): HttpDescription {
  const { EndpointConfiguration: endpoint, S3Configuration: backup, RoleARN } = configuration
  return {
    EndpointConfiguration: { Url: endpoint.Url, Name: endpoint.Name },
    BufferingHints: plainHints(configuration),
    CloudWatchLoggingOptions: configuration.CloudWatchLoggingOptions ?? noLogging,
    RequestConfiguration: configuration.RequestConfiguration ?? {
      ContentEncoding: 'NONE',
      CommonAttributes: [],
    },
    ProcessingConfiguration: configuration.ProcessingConfiguration ?? noProcessing,
    RoleARN,
    RetryOptions: configuration.RetryOptions ?? { DurationInSeconds: 300 },
    S3BackupMode: configuration.S3BackupMode ?? 'FailedDataOnly',
    S3DestinationDescription: describeS3(backup, plainHints(backup)),
  }
}

function plainHints({ BufferingHints }: Pick<S3Configuration, 'BufferingHints'>) {
  return filledHints(BufferingHints, { isPartitioned: false, isConverted: false })
}
