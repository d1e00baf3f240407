// The type of a channel: the same for an owner thread (MessagePort), a host process (IPC), and two ends in one thread
// (tests, in-process broker). Runs anywhere in the broker. Types only; calls over a channel are in calls.ts.

/** The calls that a peer serves: name → request and reply. */
export type CallTable = { readonly [call: string]: { readonly request: unknown; readonly reply: unknown } }

/** A pipe for structured-cloneable messages. Delivery is in order; after `close` nothing arrives. */
export interface Channel {
  /** Buffers in `transfer` are moved to the receiver where the channel can do that (threads); elsewhere they are copied. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void
  onMessage(listener: (message: unknown) => void): void
  /** The listener is called once, when the other side is gone or `close` was called. */
  onClose(listener: (cause: Error) => void): void
  close(): void
}
