// The handlers of all operations, joined from the parts of the endpoint. An operation that no part serves is answered as unknown.
import type { Handlers } from './call.ts'
import type { EndpointParts } from './parts.ts'

/** Makes the handlers: one line for each part. */
export function joinHandlers(_parts: EndpointParts): Partial<Handlers> {
  return {}
}
