// What the handlers of records share. Types alone.
import type { EndpointParts } from '../parts.ts'
import type { ReadRoom } from './get/read-room.ts'
import type { KnownStreams } from './known-streams.ts'
import type { LimitedStreams } from './limits/limited-streams.ts'

export interface RecordsContext extends EndpointParts {
  /** The streams that callers write and read. */
  readonly streams: KnownStreams
  /** What bounds the records that reads hold in memory. */
  readonly readRoom: ReadRoom
  /** What the limits of their shards let through. */
  readonly limits: LimitedStreams
}
