// The stream of a mapping: found by its ARN or that of a registered consumer, if the caller may read it, since the app that reads for the
// mapping may read all. Runs in the endpoint.
import type { EventSourceMapping } from 'millrace/protocol'
import { consumersOf, findConsumer } from '../../consumers/find-consumer.ts'
import { parseResourceArn, streamArn } from '../../identifiers/arn.ts'
import { KinesisError } from '../../model/errors.ts'
import type { AnyLambdaCall } from '../lambda-call.ts'
import type { LambdaParts } from '../lambda-parts.ts'
import { invalidParameter, type LambdaError } from '../model/errors.ts'

/** Stream and consumer of a mapping. */
export type MappingSource = Pick<EventSourceMapping['source'], 'stream' | 'consumer'>

/** Fails with InvalidParameterValueException where there is none, or where the caller may not read it. */
export async function sourceNamed(
  parts: LambdaParts,
  call: AnyLambdaCall,
  arn: string,
): Promise<MappingSource> {
  const place = parseResourceArn(arn)
  if (place === undefined || place.kind === 'channel') {
    throw invalidParameter(`Unrecognized event source, must be a Kinesis stream or a consumer of one: ${arn}`)
  }
  if (place.region !== call.region || place.account !== parts.settings.account) throw notFound(arn)
  try {
    if (place.kind === 'consumer') {
      await findConsumer(
        parts,
        { ...kinesisCall(call), operation: 'DescribeStreamConsumer' },
        { ConsumerARN: arn },
      )
    } else {
      await parts.book.find(kinesisCall(call), place.name)
    }
  } catch (error) {
    if (!(error instanceof KinesisError)) throw error
    if (error.code === 'ResourceNotFoundException') throw notFound(arn)
    if (error.code === 'AccessDeniedException') throw notReadable(arn)
    throw error
  }
  if (!(await call.caller.may('read', place.name))) throw notReadable(arn)
  return { stream: place.name, ...(place.kind === 'consumer' && { consumer: place.consumer }) }
}

/** The ARN of a source that was made through another door. */
export async function sourceArn(
  parts: LambdaParts,
  call: AnyLambdaCall,
  { stream, consumer }: MappingSource,
): Promise<string> {
  const arn = streamArn({ region: call.region, account: parts.settings.account, name: stream })
  if (consumer === undefined) return arn
  try {
    const view = await parts.book.find(kinesisCall(call), stream)
    const found = await consumersOf(parts, { ...kinesisCall(call), operation: 'ListStreamConsumers' }, view)
    return found.find(({ name }) => name === consumer)?.arn ?? arn
  } catch (error) {
    // It is gone, or the caller may not see it: the mapping is shown all the same.
    if (error instanceof KinesisError) return arn
    throw error
  }
}

/** The call as the book of streams takes it. */
export function kinesisCall({ caller, region, signal }: AnyLambdaCall) {
  return { operation: 'DescribeStream', caller, region, signal } as const
}

export function notFound(arn: string): LambdaError {
  return invalidParameter(`Stream not found: ${arn}`)
}

function notReadable(arn: string): LambdaError {
  return invalidParameter(
    `Cannot access stream ${arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in Kinesis.`,
  )
}
