// What an ARN in a request names: a stream, or a registered consumer of one. Runs in the endpoint. Tags and policies belong to
// either, and are kept in either's facts.
import { parseResourceArn } from '../identifiers/arn.ts'
import type { ConsumerView } from '../consumers/consumer-view.ts'
import { findConsumer } from '../consumers/find-consumer.ts'
import { KinesisError } from '../model/errors.ts'
import type { EndpointParts } from '../parts.ts'
import type { ConsumerFacts } from './stream-facts.ts'
import { requireActive, type StreamCall, type StreamView } from './stream-view.ts'

/** What is kept of streams and consumers alike. */
type ResourceFacts = Pick<ConsumerFacts, 'tags' | 'policy'>

/** A stream or a consumer, with what both have. */
export interface Resource {
  readonly view: StreamView
  /** As errors name it. */
  readonly words: string
  readonly facts: ResourceFacts
  /** Changes tags and policy; refused where the stream is not active. */
  update(change: (facts: ResourceFacts) => ResourceFacts): Promise<void>
}

/** A request that names a resource. */
export type ResourceCall = Omit<StreamCall, 'input' | 'signal'> & {
  readonly signal: AbortSignal
  readonly input: { readonly ResourceARN: string }
}

/** What the ARN of the request names. Refuses what is not there, or what the caller may not see. */
export async function resolveResource(parts: EndpointParts, call: ResourceCall): Promise<Resource> {
  const { ResourceARN: arn } = call.input
  const place = parseResourceArn(arn)
  if (place === undefined) throw new KinesisError('InvalidArgumentException', `Invalid ResourceARN: ${arn}`)
  if (place.kind === 'channel') {
    throw new KinesisError('ResourceNotFoundException', `Channel ${arn} not found.`)
  }
  if (place.kind === 'consumer') {
    const consumer = await findConsumer(parts, call, { ConsumerARN: arn })
    return consumerResource(parts, consumer)
  }
  return streamResource(parts, await parts.book.resolve({ ...call, input: { StreamARN: arn } }))
}

function streamResource(parts: EndpointParts, view: StreamView): Resource {
  const { book, settings } = parts
  return {
    view,
    words: `stream ${view.name} under account ${settings.account}`,
    facts: view.facts,
    update: async (change) => {
      requireActive(view, settings.account)
      await book.update(view, (facts) => ({ ...facts, ...change(facts) }))
    },
  }
}

function consumerResource({ book, settings }: EndpointParts, consumer: ConsumerView): Resource {
  const { name, createdAt, stream: view } = consumer
  const key = { streamId: view.id, consumer: name, createdAt }
  return {
    view,
    words: `consumer ${name} of stream ${view.name} under account ${settings.account}`,
    facts: book.consumerFacts(key),
    update: async (change) => {
      await book.updateConsumer(key, (facts) => ({ ...facts, ...change(facts) }))
    },
  }
}
