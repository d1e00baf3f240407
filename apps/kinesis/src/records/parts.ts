// What the handlers of records are made of. Pure types.
import type { StreamBook } from '../book/stream-book.ts'
import type { Seal } from '../identifiers/seal.ts'
import type { EndpointSettings } from '../settings.ts'
import type { KnownStreams } from './known-streams.ts'

export interface RecordsParts {
  readonly settings: EndpointSettings
  /** Milliseconds since the epoch. */
  now(): number
  readonly book: StreamBook
  /** Closes and opens shard iterators. */
  readonly seal: Seal
}

/** The same, with the streams that the handlers know. */
export interface RecordsContext extends RecordsParts {
  readonly streams: KnownStreams
}
