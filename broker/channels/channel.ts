// What calls travel over, as a type: the same idea for an owner thread (MessagePort), a host process (IPC), and both
// ends in one thread (tests, in-process broker). Runs anywhere in the broker. A reply's type is a function of the call;
// a failure crosses as code and message; when the channel closes, every open call is refused with one cause.

/** What a peer can be asked: name → request and reply. Notices are one-way. */
export type CallTable = { readonly [call: string]: { readonly request: unknown; readonly reply: unknown } }

/** A pipe for structured-cloneable messages. Delivery is in order; after `close` nothing arrives. */
export interface Channel {
  /** Buffers in `transfer` change hands where the channel can (threads); elsewhere they are copied. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void
  onMessage(listener: (message: unknown) => void): void
  /** Called once, when the other side is gone or `close` was called. */
  onClose(listener: (cause: Error) => void): void
  close(): void
}
