// Finds registered consumers: those that the broker has, and those that were deregistered and are still shown. Runs in the
// endpoint.
import type { StreamCall, StreamView } from '../book/stream-view.ts'
import { placeOf } from '../book/stream-view.ts'
import type { Call } from '../call.ts'
import { parseConsumerArn, parseStreamArn } from '../identifiers/arn.ts'
import { KinesisError } from '../model/errors.ts'
import type { OperationName } from '../model/operations.ts'
import { translated } from '../native-errors.ts'
import type { EndpointParts } from '../parts.ts'
import { deletingView, viewOf, type ConsumerView, type ViewContext } from './consumer-view.ts'

/** How a request names a consumer: by its ARN, or by its stream's and its name. */
export interface ConsumerNaming {
  readonly ConsumerARN?: string | undefined
  readonly StreamARN?: string | undefined
  readonly ConsumerName?: string | undefined
}

type AnyCall = Pick<Call<OperationName>, 'operation' | 'region' | 'caller' | 'signal'>

/** The consumers of a stream, by name. */
export async function consumersOf(
  parts: EndpointParts,
  call: AnyCall,
  stream: StreamView,
): Promise<readonly ConsumerView[]> {
  const { book, settings, now } = parts
  const context: ViewContext = {
    stream,
    region: call.region,
    account: settings.account,
    nowMs: now(),
    stateDelayMs: settings.stateDelayMs,
  }
  const views = new Map<string, ConsumerView>()
  for (const [name, document] of book.deregisteredConsumers(stream.id)) {
    if (context.nowMs < (document.deregisteredUntil ?? 0))
      views.set(name, deletingView(name, document, context))
  }
  await translated(placeOf(call, settings.account, stream.name), async () => {
    for await (const consumer of call.caller.client.listConsumers(stream.name, { signal: call.signal })) {
      const { name, createdAt } = consumer
      const facts = book.consumerFacts({ streamId: stream.id, consumer: name, createdAt })
      views.set(name, viewOf(consumer, facts, context))
    }
  })
  return [...views.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Throws InvalidArgumentException for a contradiction, and ResourceNotFoundException. */
export async function findConsumer(
  parts: EndpointParts,
  call: AnyCall,
  naming: ConsumerNaming,
): Promise<ConsumerView> {
  const { stream, consumer, arnSeconds } = placeNamed(parts, call, naming)
  const view = await parts.book.find(call, stream)
  const found = (await consumersOf(parts, call, view)).find(({ name }) => name === consumer)
  const isSame = arnSeconds === undefined || found?.arnSeconds === arnSeconds
  if (found === undefined || !isSame) throw notFound(naming.ConsumerARN ?? consumer, parts.settings.account)
  return found
}

interface NamedPlace {
  readonly stream: string
  readonly consumer: string
  /** Undefined where the request has no ARN of the consumer. */
  readonly arnSeconds: number | undefined
}

function placeNamed(
  { book, settings }: EndpointParts,
  call: AnyCall,
  { ConsumerARN: arn, StreamARN: streamArn, ConsumerName: name }: ConsumerNaming,
): NamedPlace {
  if (arn === undefined) {
    if (streamArn === undefined || name === undefined) {
      throw invalid('Either ConsumerARN, or both StreamARN and ConsumerName must be provided.')
    }
    const stream = book.nameOf({ ...call, input: { StreamARN: streamArn } } satisfies StreamCall)
    return { stream, consumer: name, arnSeconds: undefined }
  }
  const place = parseConsumerArn(arn)
  if (place === undefined) throw invalid(`Invalid ConsumerARN: ${arn}`)
  const isOther =
    (name !== undefined && name !== place.consumer) ||
    (streamArn !== undefined && parseStreamArn(streamArn)?.name !== place.name)
  if (isOther)
    throw invalid(`ConsumerARN ${arn} does not name the consumer that StreamARN and ConsumerName name.`)
  if (place.account !== settings.account || place.region !== call.region)
    throw notFound(arn, settings.account)
  return { stream: place.name, consumer: place.consumer, arnSeconds: place.createdAt.getTime() / 1000 }
}

function notFound(consumer: string, account: string): KinesisError {
  return new KinesisError('ResourceNotFoundException', `Consumer ${consumer}, account ${account} not found.`)
}

function invalid(message: string): KinesisError {
  return new KinesisError('InvalidArgumentException', message)
}
