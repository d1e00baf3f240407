// The handlers of all operations, joined from the parts of the endpoint. An operation that no part serves is answered as unknown.
import { capacityHandlers } from './capacity/handlers.ts'
import { channelsHandlers } from './channels/handlers.ts'
import type { Handlers } from './call.ts'
import { consumerHandlers } from './consumers/consumer-handlers.ts'
import type { EndpointParts } from './parts.ts'
import { protectionHandlers } from './protection/handlers.ts'
import { ratedHandlers } from './rates/rated-handlers.ts'
import { recordsHandlers } from './records/handlers.ts'
import { shardsHandlers } from './shards/handlers.ts'
import { streamsHandlers } from './streams/handlers.ts'
import { subscriptionHandlers } from './subscriptions/subscription-handlers.ts'
import { tagsHandlers } from './tags/handlers.ts'

/** Makes the handlers of one part of the endpoint. */
type Part = (parts: EndpointParts) => Partial<Handlers>

/** One line for each part. */
const joined: readonly Part[] = [
  streamsHandlers,
  shardsHandlers,
  capacityHandlers,
  tagsHandlers,
  protectionHandlers,
  channelsHandlers,
  recordsHandlers,
  consumerHandlers,
  subscriptionHandlers,
]

export function joinHandlers(parts: EndpointParts): Partial<Handlers> {
  const handlers = Object.assign({}, ...joined.map((make) => make(parts))) as Partial<Handlers>
  const { limits, account } = parts.settings
  return limits === 'kinesis' ? ratedHandlers(handlers, { account, now: parts.now }) : handlers
}
