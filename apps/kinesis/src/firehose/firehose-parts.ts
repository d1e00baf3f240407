// What the handlers of the Firehose API are made of. Types alone.
import type { Handlers } from '../call.ts'
import type { EndpointParts } from '../parts.ts'
import type { Deliveries } from './deliveries.ts'

export interface FirehoseParts extends Pick<EndpointParts, 'settings' | 'now' | 'log'> {
  readonly deliveries: Deliveries
  /** Puts records into the streams behind deliveries, as their callers. */
  readonly putRecords: Handlers['PutRecords']
}
