// What the handlers of an endpoint are made of. Types alone.
import type { Client } from 'millrace'
import type { StreamBook } from './book/stream-book.ts'
import type { Seal } from './identifiers/seal.ts'
import type { EndpointSettings } from './settings.ts'

/** One line for the operator. */
export interface EndpointLogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** One sentence. */
  readonly message: string
  /** What went wrong. */
  readonly error?: unknown
  /** The request concerned, as its answer names it. */
  readonly requestId?: string
}

export type EndpointLog = (entry: EndpointLogEntry) => void

/** What each part of the endpoint is given to make its handlers. */
export interface EndpointParts {
  /** The endpoint's own client, which may do everything. */
  readonly own: Client
  readonly settings: EndpointSettings
  /** What the endpoint keeps of streams, and how requests find them. */
  readonly book: StreamBook
  /** Closes iterators and page tokens, alike on all endpoints of a broker. */
  readonly seal: Seal
  /** Milliseconds since the epoch. */
  now(): number
  readonly log: EndpointLog
}
