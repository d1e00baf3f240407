// Opens the descriptor that a log is written to, so that a write never waits for its reader. Runs in controller and hosts.
// A pipe, a terminal and a socket take no bytes while their reader stalls, and an ordinary write would wait as long: in a
// thread of libuv's pool, which the end of the process waits for, or in the main thread.
import { constants, fstatSync, openSync, type Stats } from 'node:fs'
import { Socket } from 'node:net'

export interface LogDescriptor {
  readonly fd: number
  /** False for a file, and where the system offers nothing better: a write may wait, and is left to libuv's pool. */
  readonly neverWaits: boolean
}

/** The descriptor `fd` of this process, or another one of the same pipe or terminal. */
export function openLogDescriptor(fd: number): LogDescriptor {
  const kind = kindOf(fd)
  if (kind === undefined || kind.isFile() || process.platform === 'win32') return { fd, neverWaits: false }
  return reopened(fd, kind) ?? madeNonBlocking(fd) ?? { fd, neverWaits: false }
}

function kindOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd)
  } catch {
    return undefined // closed by whoever started this process: every write will say so
  }
}

/**
 * A descriptor of its own, on Linux: what is set on it does not change how other processes on the same pipe or terminal
 * write. A socket cannot be opened by its name.
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

/** Has libuv set the descriptor itself to non-blocking, as Node does with every pipe that it uses as standard output. */
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
