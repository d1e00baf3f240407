// The channel between a parent process and a forked child: Node's IPC, seen from each side. Runs in the controller, which
// forks, and on the main thread of a host.
import type { ChildProcess } from 'node:child_process'
import { invariant } from '../../protocol/invariant.ts'
import type { Channel } from './channel.ts'
import { openChannel } from './open-channel.ts'

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
  // The pipe may still hold messages that the child sent before its exit: only 'disconnect' closes the channel.
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
