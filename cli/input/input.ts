// Where the bytes of a produce come from: files in the order given, or standard input. Counts what was read, for progress.
import { createReadStream, fstatSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import type { Terminal } from '../terminal.ts'
import { withoutByteOrderMark } from './byte-order-mark.ts'

const READ_BYTES = 256 * 1024

export interface Input {
  /** For messages: the file's name, or `standard input`. */
  readonly name: string
  /** Without the byte order mark, if it begins with one. */
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface Inputs {
  readonly sources: readonly Input[]
  /** Of all sources together; undefined where one is a pipe. */
  readonly totalBytes: number | undefined
  /** Read so far. */
  bytesRead(): number
}

/** Reads nothing yet, but refuses files that are not there before the first record is stored. `signal` ends the reading. */
export async function openInputs(
  paths: readonly string[],
  { terminal, signal }: { terminal: Pick<Terminal, 'stdin'>; signal: AbortSignal },
): Promise<Inputs> {
  let read = 0
  // A file is opened when its turn comes, so that a thousand of them do not take a thousand descriptors.
  async function* counted(open: () => AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of open()) {
      read += chunk.length
      yield chunk
    }
  }
  const input = (name: string, open: () => AsyncIterable<Uint8Array>): Input => ({
    name,
    chunks: withoutByteOrderMark(counted(open), name),
  })
  const names = paths.length === 0 ? ['-'] : paths
  const sizes = await Promise.all(names.map(sizeOf))
  return {
    sources: names.map((path) =>
      path === '-'
        ? input('standard input', () => addAbortSignal(signal, terminal.stdin))
        : input(path, () => createReadStream(path, { highWaterMark: READ_BYTES, signal })),
    ),
    totalBytes: sizes.reduce<number | undefined>(
      (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
      0,
    ),
    bytesRead: () => read,
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  if (path === '-') return standardInputSize()
  const stats = await stat(path)
  if (stats.isDirectory()) {
    throw Object.assign(new Error(`${path} is a directory`), { code: 'EISDIR', syscall: 'read', path })
  }
  return stats.isFile() ? stats.size : undefined
}

/** `< file` gives standard input a size, a pipe does not. */
function standardInputSize(): number | undefined {
  try {
    const stats = fstatSync(0)
    return stats.isFile() ? stats.size : undefined
  } catch {
    return undefined
  }
}
