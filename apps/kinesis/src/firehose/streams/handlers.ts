// The handlers of delivery streams, joined. Runs in the endpoint.
import type { FirehoseCall, FirehoseHandlersOf } from '../firehose-call.ts'
import type { FirehoseParts } from '../firehose-parts.ts'
import { givenOf } from '../given.ts'
import type { FirehoseOutput } from '../model/operations.ts'
import { createDeliveryStream } from './create.ts'
import { describeDelivery } from './description.ts'
import { updateDestination } from './update.ts'

type StreamsOperation =
  | 'CreateDeliveryStream'
  | 'DeleteDeliveryStream'
  | 'DescribeDeliveryStream'
  | 'ListDeliveryStreams'
  | 'UpdateDestination'

const LIST_MAX = 10

export function streamsHandlersOf(parts: FirehoseParts): FirehoseHandlersOf<StreamsOperation> {
  return {
    CreateDeliveryStream: (call) => createDeliveryStream(parts, call),
    DeleteDeliveryStream: (call) => deleteDeliveryStream(parts, call),
    DescribeDeliveryStream: (call) => describeDeliveryStream(parts, call),
    ListDeliveryStreams: (call) => listDeliveryStreams(parts, call),
    UpdateDestination: (call) => updateDestination(parts, call),
  }
}

/** Says that it is to be deleted: the app writes what waits, and deletes it with its stream. */
async function deleteDeliveryStream(
  { deliveries }: FirehoseParts,
  call: FirehoseCall<'DeleteDeliveryStream'>,
): Promise<FirehoseOutput<'DeleteDeliveryStream'>> {
  const { DeliveryStreamName: name } = call.input
  await deliveries.change(call, name, (before) => ({ ...before, state: 'deleting' }))
  await deliveries.removeUntouched(name)
  return {}
}

async function describeDeliveryStream(
  { deliveries, settings }: FirehoseParts,
  call: FirehoseCall<'DescribeDeliveryStream'>,
): Promise<FirehoseOutput<'DescribeDeliveryStream'>> {
  const { DeliveryStreamName: name, ExclusiveStartDestinationId: after } = call.input
  const definition = await deliveries.read(call, name)
  const verdict = await deliveries.verdict(name)
  const { region } = call
  const description = describeDelivery({ name, definition, verdict, region, account: settings.account })
  const Destinations = description.Destinations.filter(
    ({ DestinationId }) => after === undefined || DestinationId > after,
  )
  return { DeliveryStreamDescription: { ...description, Destinations } }
}

async function listDeliveryStreams(
  { deliveries }: FirehoseParts,
  call: FirehoseCall<'ListDeliveryStreams'>,
): Promise<FirehoseOutput<'ListDeliveryStreams'>> {
  const {
    Limit = LIST_MAX,
    DeliveryStreamType: type,
    ExclusiveStartDeliveryStreamName: after = '',
  } = call.input
  const names = (await deliveries.list(call))
    .filter(({ definition }) => {
      const found =
        givenOf(definition)?.type ?? (definition.source.isOwn ? 'DirectPut' : 'KinesisStreamAsSource')
      return type === undefined || type === found
    })
    .map(({ name }) => name)
    .filter((name) => name > after)
  return { DeliveryStreamNames: names.slice(0, Limit), HasMoreDeliveryStreams: names.length > Limit }
}
