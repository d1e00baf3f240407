// What a handler sees of one connected client. Runs in every process that listens, on its main thread. Types only.
// A session exists from a good hello to the end of its connection; nothing sent after that end is delivered or kept.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { EventBody, EventFrom } from '../../protocol/events.ts'

export interface Session {
  /** Unique within this process. */
  readonly id: number
  /** Address of the peer, for logs. */
  readonly remote: string
  /** Name and version that the client gave when it introduced itself; empty before that. */
  readonly client: string
  /** Takes the name and version that the client gives. For the operation that opens a session. */
  introduce(client: string): void
  /** Sends without waiting; leaves with everything else of this turn. Ignored once the session is closing. */
  sendEvent<N extends EventFrom<'broker'>>(event: N, body: EventBody<N>): void
  /** Bytes handed to the connection and not yet taken by the kernel. */
  readonly queuedBytes: number
  /** Above so many queued bytes, send no more until `onDrain`. */
  readonly highWaterBytes: number
  /** Called every time that `queuedBytes` falls below the low-water mark after it was above `highWaterBytes`. */
  onDrain(listener: () => void): void
  /** Called once, when the connection is gone, or at once if it is already. */
  onClose(listener: () => void): void
  /** Counted: while more holds than releases were asked for, nothing is read from the peer. Back-pressure on producers. */
  holdReading(): void
  releaseReading(): void
  /** Tells the client why, and ends the connection. */
  close(code: ErrorCode, message: string): void
}
