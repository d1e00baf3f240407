// The kinds of channel: a thread's port, a child process, the parent process, and a pair within one thread. Runs anywhere
// in the broker. All keep one promise: messages arrive in order, none is lost for want of a listener, the close is told
// once with its cause, and nothing arrives after it.
import type { ChildProcess } from 'node:child_process'
import { MessagePort, type Worker } from 'node:worker_threads'
import { invariant } from '../../protocol/invariant.ts'
import type { Channel } from './channel.ts'

/** What one kind of channel does its own way. */
interface Pipe {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void
  /** Called once, when this side closes the channel. */
  shut(): void
}

/** A channel, and the end into which its pipe delivers. */
interface OpenChannel {
  readonly channel: Channel
  deliver(message: unknown): void
  ended(cause: Error): void
}

function openChannel(pipe: Pipe): OpenChannel {
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

/**
 * A channel over a message port, or over a worker thread as its parent sees it. Closing the channel closes a port, but
 * does not stop a worker: ask it to finish by a call, because a thread with storage open must never be terminated.
 */
export function portChannel(port: MessagePort | Worker): Channel {
  const { channel, deliver, ended } = openChannel({
    post: (message, transfer) => port.postMessage(message, transfer),
    shut: () => {
      port.off('message', deliver)
      if (port instanceof MessagePort) port.close()
    },
  })
  port.on('message', deliver)
  // A message that cannot be read is a call that will never be answered.
  port.on('messageerror', (error) => ended(error))
  if (port instanceof MessagePort) {
    port.on('close', () => ended(new Error('the port was closed by the other side')))
    return channel
  }
  // What the thread posted before it crashed is delivered between 'error' and 'exit'.
  let crashedBy: Error | undefined
  port.on('error', (error) => {
    crashedBy = error instanceof Error ? error : new Error(String(error))
  })
  port.on('exit', (code) => {
    const cause = crashedBy && { cause: crashedBy }
    ended(new Error(`the thread ended with code ${code}${cause ? `: ${crashedBy!.message}` : ''}`, cause))
  })
  return channel
}

/**
 * A channel to a child process. Fork it with `serialization: 'advanced'`, so that typed arrays cross as they are. Buffers
 * are copied. Closing the channel disconnects; it does not kill the child.
 */
export function processChannel(child: ChildProcess): Channel {
  const name = `process ${child.pid ?? '(not started)'}`
  const { channel, deliver, ended } = openChannel({
    post: (message) => {
      child.send(message as object, (error) => {
        if (error) ended(error)
      })
    },
    shut: () => {
      child.off('message', deliver)
      if (child.connected) child.disconnect()
    },
  })
  let exit: string | undefined
  child.on('message', deliver)
  // The pipe may hold messages that the child sent before its exit: only its end closes the channel.
  child.on('exit', (code, signal) => {
    exit = `${name} ended by ${signal ?? `code ${code}`}`
    if (!child.connected) ended(new Error(exit))
  })
  child.on('disconnect', () => ended(new Error(exit ?? `${name} closed its channel`)))
  child.on('error', (error) => {
    if (child.pid === undefined) ended(error) // never started: neither exit nor disconnect will come
  })
  return channel
}

/** The channel to the process that forked this one. */
export function parentChannel(): Channel {
  invariant(process.connected, 'this process was started without an IPC channel')
  const { channel, deliver, ended } = openChannel({
    post: (message) => {
      process.send!(message, undefined, undefined, (error) => {
        if (error) ended(error)
      })
    },
    shut: () => {
      process.off('message', deliver)
      if (process.connected) process.disconnect()
    },
  })
  process.on('message', deliver)
  process.once('disconnect', () => ended(new Error('the parent process went away')))
  return channel
}

/**
 * Two ends in one thread. Messages are handed over as they are, not cloned, in a later microtask and in order: a buffer
 * that was transferred, and anything that was posted, belongs to the receiver.
 */
export function channelPair(): [Channel, Channel] {
  const left = openChannel({ post: (message) => toRight.send(message), shut: () => toRight.end() })
  const right = openChannel({ post: (message) => toLeft.send(message), shut: () => toLeft.end() })
  const toLeft = oneWay(left)
  const toRight = oneWay(right)
  return [left.channel, right.channel]
}

/** One direction of a pair: what is under way, delivered one message a microtask. */
function oneWay(end: OpenChannel): { send(message: unknown): void; end(): void } {
  return {
    send: (message) => queueMicrotask(() => end.deliver(message)),
    end: () => queueMicrotask(() => end.ended(new Error('the channel was closed by the other side'))),
  }
}
