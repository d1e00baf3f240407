// The server of a process: one listener, its sessions, one sweep over their deadlines, and a drain that ends them all.
// Runs in controller and host, on the main thread.
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { InvariantError } from '../../protocol/invariant.ts'
import type { OperationOn } from '../../protocol/operations.ts'
import type { ClientEventHandlers, Handlers } from './dispatch.ts'
import type { ServerMetrics } from './server-metrics.ts'

export interface Server {
  /** Starts to accept TCP connections; rejects with the listening error. Port 0 picks a free one. */
  listen(at: { host: string; port: number }): Promise<{ port: number }>
  /** Takes a stream as a connection: the in-process transport. The server ends it. */
  accept(stream: Duplex, remote?: string): void
  /**
   * Stops accepting, tells every client, refuses new requests with `unavailable`, lets running ones finish until the
   * deadline, then ends every connection after its last answer. Fulfils when all are gone.
   */
  drain(deadlineMs: number): Promise<void>
  /** Ends every connection without waiting for running requests. */
  close(): Promise<void>
  readonly sessionCount: number
}

export interface ServerIdentity {
  readonly brokerId: string
  readonly role: 'controller' | 'host'
  readonly hostId: number
  /** Name and version of the broker. */
  readonly software: string
}

/** hello and ping are served by the server itself; `handlers` cover the planes that the process serves. */
export interface ServerOptions<N extends OperationOn<'control' | 'data'>> {
  readonly identity: ServerIdentity
  readonly handlers: Handlers<N>
  readonly events?: ClientEventHandlers
  readonly maxConnections: number
  readonly log: Logger
  readonly metrics?: ServerMetrics
  /** Wall clock, milliseconds since the epoch. */
  readonly clock?: () => number
  /** Told of a broken invariant in a handler, after it was logged. Throws it outside every promise by default. */
  readonly onBroken?: (error: InvariantError) => void
}

export declare function createServer<N extends OperationOn<'control' | 'data'>>(
  options: ServerOptions<N>,
): Server
