// What every channel promises, whatever its pipe is: messages arrive in order, messages before the first listener are kept
// for it, the close is told once with its cause, and nothing arrives after it. Runs anywhere in the broker. The kinds of
// pipe: a pair within one thread and a process (beside this file), and a thread's port (in threads/).
import type { Channel } from './channel.ts'

/** What differs between kinds of channel. */
export interface Pipe {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void
  /** Called once, when this side closes the channel. */
  shut(): void
}

/** A channel, and the functions that its pipe calls: `deliver` for each message, `ended` when the pipe is gone. */
export interface OpenChannel {
  readonly channel: Channel
  deliver(message: unknown): void
  ended(cause: Error): void
}

/** Makes a channel over a pipe. */
export function openChannel(pipe: Pipe): OpenChannel {
  const messageListeners: ((message: unknown) => void)[] = []
  const closeListeners: ((cause: Error) => void)[] = []
  let unheard: unknown[] = []
  let closedBy: Error | undefined

  function deliver(message: unknown): void {
    if (closedBy) return
    if (messageListeners.length === 0) unheard.push(message)
    for (const listener of messageListeners) listener(message)
  }

  function ended(cause: Error): void {
    if (closedBy) return
    closedBy = cause
    unheard = []
    for (const listener of closeListeners) listener(cause)
  }

  const channel: Channel = {
    post: (message, transfer = []) => {
      if (!closedBy) pipe.post(message, transfer)
    },
    onMessage: (listener) => {
      messageListeners.push(listener)
      const waiting = unheard
      unheard = []
      for (const message of waiting) deliver(message)
    },
    onClose: (listener) => {
      if (closedBy) listener(closedBy)
      else closeListeners.push(listener)
    },
    close: () => {
      if (closedBy) return
      ended(new Error('the channel was closed by this side'))
      pipe.shut()
    },
  }
  return { channel, deliver, ended }
}
