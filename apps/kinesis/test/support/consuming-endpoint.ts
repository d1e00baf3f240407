// A small endpoint with the handlers of consumers and subscriptions.
import { randomBytes } from 'node:crypto'
import type { Handlers } from '../../src/call.ts'
import { consumerHandlers } from '../../src/consumers/consumer-handlers.ts'
import { Seal } from '../../src/identifiers/seal.ts'
import type { EndpointParts } from '../../src/parts.ts'
import type { EndpointSettings } from '../../src/settings.ts'
import type { FeedEvent } from '../../src/subscriptions/shard-feed.ts'
import { subscriptionHandlers } from '../../src/subscriptions/subscription-handlers.ts'
import { ACCOUNT, REGION, type SmallBroker, type SmallEndpoint } from './small-endpoint.ts'

export const CLICKS_ARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`

type Handled = ReturnType<typeof consumerHandlers> & Pick<Handlers, 'SubscribeToShard'>

export interface ConsumingEndpoint extends SmallEndpoint {
  readonly handlers: Handled
}

export async function consumingEndpoint(
  room: SmallBroker,
  settings: Partial<EndpointSettings> = {},
): Promise<ConsumingEndpoint> {
  const endpoint = await room.endpoint(settings)
  const parts: EndpointParts = { ...endpoint, seal: new Seal(randomBytes(32)), log: () => {} }
  return { ...endpoint, handlers: { ...consumerHandlers(parts), ...subscriptionHandlers(parts) } }
}

export type ShardEvent = FeedEvent['SubscribeToShardEvent']

/** Takes events until one, with all before it, is what the test waits for; returns them all. */
export async function eventsUntil(
  events: AsyncIterator<FeedEvent>,
  isEnough: (seen: readonly ShardEvent[]) => boolean,
): Promise<readonly ShardEvent[]> {
  const seen: ShardEvent[] = []
  while (!isEnough(seen)) {
    const { done, value } = (await events.next()) as IteratorResult<FeedEvent, undefined>
    if (done === true) break
    seen.push(value.SubscribeToShardEvent)
  }
  return seen
}

export function dataIn(events: readonly ShardEvent[]): string[] {
  return events.flatMap(({ Records }) => Records.map(({ Data }) => Buffer.from(Data).toString()))
}
