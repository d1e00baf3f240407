// Opens the descriptor of a log so that a write never waits for the log's reader. Runs in controller and hosts. A pipe, a
// terminal or a socket takes no bytes while its reader stalls. An ordinary write would block meanwhile: the main thread, or
// a thread of libuv's pool, which the exit of the process waits for.
import { constants, fstatSync, openSync, type Stats } from 'node:fs'
import { Socket } from 'node:net'

export interface LogDescriptor {
  readonly fd: number
  /** False for a file, or where the system offers no other way: a write may block, so it runs in libuv's pool. */
  readonly neverWaits: boolean
}

/** Returns `fd`, made non-blocking if possible, or a new non-blocking descriptor of the same pipe or terminal. */
export function openLogDescriptor(fd: number): LogDescriptor {
  const kind = kindOf(fd)
  if (kind === undefined || kind.isFile() || process.platform === 'win32') return { fd, neverWaits: false }
  return reopened(fd, kind) ?? madeNonBlocking(fd) ?? { fd, neverWaits: false }
}

function kindOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd)
  } catch {
    return undefined // the parent closed it: every write will fail and say so
  }
}

/**
 * Opens a new descriptor of the same pipe or terminal, on Linux: making it non-blocking does not affect other processes
 * that share the pipe or terminal. A socket cannot be opened this way.
 */
function reopened(fd: number, kind: Stats): LogDescriptor | undefined {
  if (process.platform !== 'linux' || !(kind.isFIFO() || kind.isCharacterDevice())) return undefined
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY), neverWaits: true }
  } catch {
    return undefined // no procfs, another user's pipe, or a pipe without a reader
  }
}

/** Lets libuv make the descriptor itself non-blocking, as Node does with every pipe that it uses as standard output. */
function madeNonBlocking(fd: number): LogDescriptor | undefined {
  try {
    const socket = new Socket({ fd, readable: false, writable: true })
    socket.on('error', () => {})
    socket.unref()
    return { fd, neverWaits: true }
  } catch {
    return undefined // another kind of descriptor
  }
}
