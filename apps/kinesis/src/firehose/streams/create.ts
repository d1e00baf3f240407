// CreateDeliveryStream. Runs in the endpoint. Answers when the delivery is kept; it is CREATING until the app delivery takes it on.
import { MillraceError } from 'millrace'
import { ownStreamOf, type DeliveryDefinition, type DeliverySource } from 'millrace/protocol'
import { parseStreamArn } from '../../identifiers/arn.ts'
import type { FirehoseCall } from '../firehose-call.ts'
import type { FirehoseParts } from '../firehose-parts.ts'
import { withGiven, type GivenDelivery, type GivenDestination } from '../given.ts'
import { FirehoseError, invalid } from '../model/errors.ts'
import type { FirehoseInput, FirehoseOutput } from '../model/operations.ts'
import { deliveryStreamArn } from '../names.ts'
import { translateDestination } from '../translation/definition.ts'
import { encryptionOf } from '../encryption.ts'

type CreateCall = FirehoseCall<'CreateDeliveryStream'>
type CreateInput = FirehoseInput<'CreateDeliveryStream'>

/** Destinations and sources that the service has, and this endpoint has not. */
const notServed: Readonly<Partial<Record<keyof CreateInput, string>>> = {
  RedshiftDestinationConfiguration: 'Amazon Redshift',
  ElasticsearchDestinationConfiguration: 'Amazon Elasticsearch',
  AmazonopensearchserviceDestinationConfiguration: 'Amazon OpenSearch Service',
  AmazonOpenSearchServerlessDestinationConfiguration: 'Amazon OpenSearch Serverless',
  SplunkDestinationConfiguration: 'Splunk',
  SnowflakeDestinationConfiguration: 'Snowflake',
  IcebergDestinationConfiguration: 'Apache Iceberg',
  MSKSourceConfiguration: 'Amazon MSK',
  DatabaseSourceConfiguration: 'databases',
}

export async function createDeliveryStream(
  parts: FirehoseParts,
  call: CreateCall,
): Promise<FirehoseOutput<'CreateDeliveryStream'>> {
  const { deliveries, settings, now } = parts
  const { input, region } = call
  const { DeliveryStreamName: name } = input
  const given = givenBy(input)
  const isStreamSourced = given.type === 'KinesisStreamAsSource'
  const translated = translateDestination(given.destination, { buckets: settings.buckets, isStreamSourced })
  const createdAt = now()
  const plain: DeliveryDefinition = {
    ...translated,
    createdAt,
    updatedAt: createdAt,
    version: 1,
    state: 'active',
    source: isStreamSourced
      ? await streamSource(parts, call, createdAt)
      : { stream: ownStreamOf(name), from: 'TRIM_HORIZON', isOwn: true },
    tags: Object.fromEntries((input.Tags ?? []).map(({ Key, Value }) => [Key, Value ?? ''])),
  }
  const definition = withGiven(plain, given)
  if (definition.source.isOwn) await deliveries.makeDirect(call, name, definition)
  else await deliveries.make(call, name, definition)
  return { DeliveryStreamARN: deliveryStreamArn({ region, account: settings.account, name }) }
}

function givenBy(input: CreateInput): GivenDelivery {
  for (const [member, what] of Object.entries(notServed)) {
    if (input[member as keyof CreateInput] !== undefined) {
      throw invalid(`${member}: ${what} is not supported by this endpoint; S3 and HTTP endpoints are.`)
    }
  }
  const type = input.DeliveryStreamType ?? 'DirectPut'
  if (type !== 'DirectPut' && type !== 'KinesisStreamAsSource') {
    throw invalid(`DeliveryStreamType ${type} is not supported by this endpoint.`)
  }
  const { KinesisStreamSourceConfiguration: source, DirectPutSourceConfiguration: directPut } = input
  const encryption = input.DeliveryStreamEncryptionConfigurationInput
  if ((type === 'KinesisStreamAsSource') !== (source !== undefined)) {
    throw invalid(
      'KinesisStreamSourceConfig must be specified for the delivery stream type KinesisStreamAsSource, and only for it.',
    )
  }
  if (type === 'KinesisStreamAsSource' && encryption !== undefined) {
    throw invalid('Encryption is only allowed for delivery streams of the type DirectPut.')
  }
  return {
    type,
    destination: destinationBy(input),
    ...(source !== undefined && { source }),
    ...(directPut !== undefined && { throughputHint: directPut.ThroughputHintInMBs }),
    ...(encryption !== undefined && { encryption: encryptionOf(encryption) }),
  }
}

function destinationBy(input: CreateInput): GivenDestination {
  const { S3DestinationConfiguration: s3, ExtendedS3DestinationConfiguration: extended } = input
  const { HttpEndpointDestinationConfiguration: http } = input
  const found: GivenDestination[] = [
    ...(s3 === undefined ? [] : [{ type: 's3', configuration: s3 } as const]),
    ...(extended === undefined ? [] : [{ type: 's3', configuration: extended } as const]),
    ...(http === undefined ? [] : [{ type: 'http', configuration: http } as const]),
  ]
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  throw invalid('Exactly one destination configuration is supported for a Firehose.')
}

/** The source stream, if the caller may read it: the app that delivers may read all. It begins with what comes from now on. */
async function streamSource(
  { settings }: FirehoseParts,
  call: CreateCall,
  now: number,
): Promise<DeliverySource> {
  const arn = call.input.KinesisStreamSourceConfiguration?.KinesisStreamARN ?? ''
  const stream = parseStreamArn(arn)?.name
  if (stream === undefined) throw invalid(`${arn} is no ARN of a Kinesis stream.`)
  try {
    await call.caller.client.describeStream(stream)
  } catch (error) {
    if (!MillraceError.is(error)) throw error
    throw invalid(`Stream ${stream} under account ${settings.account} not found.`)
  }
  if (!(await call.caller.may('read', stream))) {
    throw new FirehoseError(
      'AccessDeniedException',
      `The caller is not allowed to read the stream ${stream}.`,
    )
  }
  return { stream, from: { atTimestamp: now }, isOwn: false }
}
