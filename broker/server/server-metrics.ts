// What a server counts. Runs in every process that listens. Types only: telemetry provides the instruments.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { OperationName } from '../../protocol/operations.ts'

/** Why a connection ended: the client left, the network failed, this process stops, or a rule named by its error code. */
export type CloseReason = 'clientLeft' | 'networkFailed' | 'shutdown' | ErrorCode

export interface ServerMetrics {
  connectionOpened(): void
  /** Turned away at the door: the limit on connections was reached. */
  connectionRefused(): void
  /** Once for every connection opened. */
  connectionClosed(reason: CloseReason): void
  requestReceived(operation: OperationName): void
  /** An error was sent, as an answer or before a connection is closed. */
  errorSent(code: ErrorCode): void
  bytesReceived(count: number): void
  bytesSent(count: number): void
  /** Bytes that wait to be sent, of all sessions: now and then. */
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
