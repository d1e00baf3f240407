// The operations on registered consumers. Runs in the endpoint. The broker keeps the consumers; the endpoint's book keeps their
// tags, and a deregistered one for as long as it is shown as DELETING or its ARN could be given again.
import { placeOf, requireActive, type StreamView } from '../book/stream-view.ts'
import type { Call, HandlersOf } from '../call.ts'
import { openPageToken, sealPageToken } from '../identifiers/page-token.ts'
import { KinesisError } from '../model/errors.ts'
import { translated } from '../native-errors.ts'
import type { EndpointParts } from '../parts.ts'
import { checkTags, withTags } from '../tags/tag-rules.ts'
import { arnSecondsOf, consumerShape, type ConsumerView } from './consumer-view.ts'
import { consumersOf, findConsumer } from './find-consumer.ts'

/** Limits of the service. */
const consumerLimits = {
  perStream: 20,
  /** In the state CREATING at once, in one stream. */
  creating: 5,
  /** Consumers in a page, at most and by default. */
  page: 100,
} as const

type Handled =
  'RegisterStreamConsumer' | 'DescribeStreamConsumer' | 'ListStreamConsumers' | 'DeregisterStreamConsumer'

export function consumerHandlers(parts: EndpointParts): HandlersOf<Handled> {
  return {
    RegisterStreamConsumer: (call) => register(parts, call),
    DescribeStreamConsumer: async (call) => {
      const view = await findConsumer(parts, call, call.input)
      return { ConsumerDescription: { ...consumerShape(view), StreamARN: view.stream.arn } }
    },
    ListStreamConsumers: (call) => list(parts, call),
    DeregisterStreamConsumer: (call) => deregister(parts, call),
  }
}

async function register(parts: EndpointParts, call: Call<'RegisterStreamConsumer'>) {
  const { book, settings } = parts
  const { ConsumerName: consumer, Tags: tags = {} } = call.input
  const stream = await book.resolve(call)
  requireActive(stream, settings.account)
  const what = `add tags to consumer ${consumer} of stream ${stream.name} under account ${settings.account}`
  checkTags(tags, what)
  withTags({}, tags, what)
  const others = await consumersOf(parts, call, stream)
  if (others.some(({ name }) => name === consumer)) throw exists(consumer, stream, settings.account)
  if (settings.rules === 'aws') checkLimits(others, stream)
  const earlier = await book.deregisteredConsumer(stream.id, consumer)
  const { client } = call.caller
  const place = placeOf(call, settings.account, stream.name)
  const { createdAt } = await translated(place, () =>
    client.registerConsumer(stream.name, consumer, { signal: call.signal }),
  ).catch((error: unknown) => {
    // Another request was faster.
    const isTaken = error instanceof KinesisError && error.code === 'ResourceInUseException'
    throw isTaken ? exists(consumer, stream, settings.account) : error
  })
  // Two consumers of one name have two ARNs, also where one second saw both.
  const used = earlier === undefined ? -Infinity : arnSecondsOf(earlier.createdAt, earlier)
  const arnSeconds = used >= arnSecondsOf(createdAt, {}) ? used + 1 : undefined
  if (earlier !== undefined || Object.keys(tags).length > 0) {
    const key = { streamId: stream.id, consumer, createdAt }
    await book
      .updateConsumer(key, (facts) => ({ ...facts, tags, arnSeconds }))
      .catch(async (error: unknown) => {
        await client.deregisterConsumer(stream.name, consumer)
        throw error
      })
  }
  const view = await findConsumer(parts, call, { StreamARN: stream.arn, ConsumerName: consumer })
  return { Consumer: consumerShape(view) }
}

function checkLimits(others: readonly ConsumerView[], { name }: StreamView): void {
  const { perStream, creating } = consumerLimits
  const kept = others.filter(({ status }) => status !== 'DELETING')
  if (kept.length >= perStream) {
    throw new KinesisError(
      'LimitExceededException',
      `Stream ${name} has ${kept.length} registered consumers; there may be ${perStream}.`,
    )
  }
  const begun = others.filter(({ status }) => status === 'CREATING')
  if (begun.length < creating) return
  throw new KinesisError(
    'LimitExceededException',
    `Stream ${name} has ${begun.length} consumers in CREATING; there may be ${creating} at once.`,
  )
}

async function list(parts: EndpointParts, call: Call<'ListStreamConsumers'>) {
  const {
    NextToken: token,
    MaxResults: most = consumerLimits.page,
    StreamCreationTimestamp: created,
  } = call.input
  if (token !== undefined && created !== undefined) {
    throw invalid('NextToken and StreamCreationTimestamp cannot be provided together.')
  }
  const stream = await parts.book.resolve(call)
  if (created !== undefined && secondsOf(created) !== secondsOf(stream.stream.createdAt)) {
    throw new KinesisError(
      'ResourceNotFoundException',
      `Stream ${stream.name} under account ${parts.settings.account} not found.`,
    )
  }
  const after = token === undefined ? '' : afterOf(parts, { token, stream })
  const rest = (await consumersOf(parts, call, stream)).filter(({ name }) => name > after)
  const page = rest.slice(0, Math.min(most, consumerLimits.page))
  const last = page.at(-1)
  if (page.length === rest.length || last === undefined) return { Consumers: page.map(consumerShape) }
  const content: Place = { listing: 'consumers', streamId: stream.id, after: last.name }
  return { Consumers: page.map(consumerShape), NextToken: sealPageToken(parts.seal, content, parts.now()) }
}

/** What a token of this listing carries. */
interface Place {
  readonly listing: 'consumers'
  readonly streamId: number
  readonly after: string
}

function afterOf(
  { seal, now }: EndpointParts,
  { token, stream }: { readonly token: string; readonly stream: StreamView },
): string {
  const opened = openPageToken<Partial<Place>>(seal, token, now())
  if (opened === undefined) throw invalid('NextToken is invalid.')
  if (opened.expired) {
    throw new KinesisError('ExpiredNextTokenException', 'NextToken has expired: it is good for 300 seconds.')
  }
  const { listing, streamId, after } = opened.content
  if (listing !== 'consumers' || streamId !== stream.id || after === undefined) {
    throw invalid('NextToken is of another listing.')
  }
  return after
}

async function deregister(parts: EndpointParts, call: Call<'DeregisterStreamConsumer'>) {
  const { book, settings, now } = parts
  const { name, status, stream, createdAt, arnSeconds } = await findConsumer(parts, call, call.input)
  if (status === 'DELETING') return {}
  const place = placeOf(call, settings.account, stream.name)
  await translated(place, () =>
    call.caller.client.deregisterConsumer(stream.name, name, { signal: call.signal }),
  )
  const { stateDelayMs } = settings
  const isArnRecent = arnSeconds >= Math.floor(now() / 1000)
  const key = { streamId: stream.id, consumer: name, createdAt }
  await book.buryConsumer(
    key,
    stateDelayMs > 0 || isArnRecent ? { arnSeconds, deregisteredUntil: now() + stateDelayMs } : undefined,
  )
  return {}
}

function exists(consumer: string, { name }: StreamView, account: string): KinesisError {
  return new KinesisError(
    'ResourceInUseException',
    `Consumer ${consumer} under stream ${name} already exists for account ${account}.`,
  )
}

function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / 1000)
}

function invalid(message: string): KinesisError {
  return new KinesisError('InvalidArgumentException', message)
}
