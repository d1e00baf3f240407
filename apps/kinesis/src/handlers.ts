// The handlers of all operations, joined from the parts of the endpoint. An operation that no part serves is answered as unknown.
import type { Handlers } from './call.ts'
import { consumerHandlers } from './consumers/consumer-handlers.ts'
import type { EndpointParts } from './parts.ts'
import { subscriptionHandlers } from './subscriptions/subscription-handlers.ts'

/** Makes the handlers of one part of the endpoint. */
type Part = (parts: EndpointParts) => Partial<Handlers>

/** One line for each part. */
const joined: readonly Part[] = [consumerHandlers, subscriptionHandlers]

export function joinHandlers(parts: EndpointParts): Partial<Handlers> {
  return Object.assign({}, ...joined.map((make) => make(parts))) as Partial<Handlers>
}
