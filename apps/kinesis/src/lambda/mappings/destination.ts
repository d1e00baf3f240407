// Where a mapping tells of batches that it gave up: a Kinesis stream or a Firehose delivery of this endpoint, by its ARN. Runs in the endpoint.
// The caller must be allowed to write there, since the app that does it may write everywhere.
import { MillraceError } from 'millrace'
import { deliveryKinds, type DeliveryDefinition, type FailureDestination } from 'millrace/protocol'
import { deliveryStreamArn } from '../../firehose/names.ts'
import { parseStreamArn, streamArn } from '../../identifiers/arn.ts'
import type { AnyLambdaCall } from '../lambda-call.ts'
import type { LambdaParts } from '../lambda-parts.ts'
import { invalidParameter, type LambdaError } from '../model/errors.ts'
import type { LambdaInput } from '../model/operations.ts'
import type { Home } from '../names.ts'

type DestinationConfig = NonNullable<LambdaInput<'CreateEventSourceMapping'>['DestinationConfig']>

const DELIVERY = /^arn:aws[a-z-]*:firehose:([^:]+):(\d{12}):deliverystream\/([a-zA-Z0-9_.-]{1,64})$/

/** The destination that the configuration names; undefined where it names none. Fails with InvalidParameterValueException. */
export async function destinationBy(
  parts: LambdaParts,
  call: AnyLambdaCall,
  { OnSuccess, OnFailure }: DestinationConfig,
): Promise<FailureDestination | undefined> {
  if ((OnSuccess?.Destination ?? '') !== '') {
    throw invalidParameter('Unsupported DestinationConfig parameter for given event source mapping type.')
  }
  const arn = OnFailure?.Destination ?? ''
  if (arn === '') return undefined
  const stream = parseStreamArn(arn)
  if (stream !== undefined) {
    if (!isHere(parts, call, stream)) throw elsewhere(arn)
    await requireWritable(call, stream.name, arn)
    return { type: 'stream', stream: stream.name }
  }
  const [, region = '', account = '', delivery] = DELIVERY.exec(arn) ?? []
  if (delivery === undefined) {
    throw invalidParameter(
      `DestinationConfig.OnFailure.Destination ${arn} is not supported by this endpoint: it takes the ARN of a Kinesis stream or of a Firehose delivery stream.`,
    )
  }
  if (!isHere(parts, call, { region, account })) throw elsewhere(arn)
  const document = await parts.documents.translated(call, '*', () =>
    call.caller.client.documents<DeliveryDefinition>(deliveryKinds.definitions).get(delivery),
  )
  if (document === undefined || document.value.state === 'deleting') throw elsewhere(arn)
  await requireWritable(call, document.value.source.stream, arn)
  return { type: 'delivery', delivery }
}

/** As descriptions show it. */
export function destinationText(home: Home, destination: FailureDestination): string {
  switch (destination.type) {
    case 'stream':
      return streamArn({ ...home, name: destination.stream })
    case 'delivery':
      return deliveryStreamArn({ ...home, name: destination.delivery })
    case 'http':
      return destination.url
  }
}

function isHere(
  { settings }: LambdaParts,
  call: AnyLambdaCall,
  place: Pick<Home, 'region' | 'account'>,
): boolean {
  return place.region === call.region && place.account === settings.account
}

async function requireWritable({ caller }: AnyLambdaCall, stream: string, arn: string): Promise<void> {
  try {
    await caller.client.describeStream(stream)
  } catch (error) {
    if (MillraceError.is(error, 'streamNotFound')) throw elsewhere(arn)
    // Who may write may not need to see it.
    if (!MillraceError.is(error, 'permissionDenied')) throw error
  }
  if (await caller.may('write', stream)) return
  throw invalidParameter(`The caller is not allowed to write to the destination ${arn}.`)
}

function elsewhere(arn: string): LambdaError {
  return invalidParameter(`The destination ${arn} does not exist.`)
}
