// The channel between a host's main thread and a thread it started, over a message port. Runs on both ends.
import { MessagePort, type Worker } from 'node:worker_threads'
import type { Channel } from '../channels/channel.ts'
import { openChannel } from '../channels/open-channel.ts'

/**
 * A channel over a message port, or over a worker as its parent sees it. Closing the channel closes a port, but does
 * not stop a worker: end a worker by a call, because a thread with open storage must never be terminated.
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
  // A message that cannot be read is a call that is never answered, so the channel ends.
  port.on('messageerror', (error) => ended(error))
  if (port instanceof MessagePort) {
    port.on('close', () => ended(new Error('the port was closed by the other side')))
    return channel
  }
  // Messages that the thread posted before it crashed arrive between 'error' and 'exit'.
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
