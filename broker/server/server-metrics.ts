// What a server counts. Runs in every process that listens. Types only: telemetry provides the instruments.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { OperationName } from '../../protocol/operations.ts'

/** Why a connection ended: the client left, the network failed, this process stops, or a rule named by its error code. */
export type CloseReason = 'clientLeft' | 'networkFailed' | 'shutdown' | ErrorCode

export interface ServerMetrics {
  connectionOpened(): void
  /** A connection was turned away at accept: the limit was reached, or the process is stopping. */
  connectionRefused(): void
  /** Called once for every connection opened. */
  connectionClosed(reason: CloseReason): void
  requestReceived(operation: OperationName): void
  /** An error was sent, as an answer or before a connection is closed. */
  errorSent(code: ErrorCode): void
  bytesReceived(count: number): void
  bytesSent(count: number): void
  /** Called at every sweep with the queued output of all sessions. */
  outputQueued(bytes: number): void
}

/** Counts nothing. */
export const noServerMetrics: ServerMetrics = {
  connectionOpened() {},
  connectionRefused() {},
  connectionClosed() {},
  requestReceived() {},
  errorSent() {},
  bytesReceived() {},
  bytesSent() {},
  outputQueued() {},
}
