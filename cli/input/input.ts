// The inputs of `produce`: files in the given order, or standard input. Counts the bytes read, for progress.
import { createReadStream, fstatSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import type { Terminal } from '../terminal.ts'
import { withoutByteOrderMark } from './byte-order-mark.ts'

const READ_BYTES = 256 * 1024

export interface Input {
  /** Name for messages: the file's name, or `standard input`. */
  readonly name: string
  /** The bytes, without a byte order mark at their start. */
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface Inputs {
  readonly sources: readonly Input[]
  /** Bytes of all sources together; undefined if one is a pipe. */
  readonly totalBytes: number | undefined
  /** Bytes read so far. */
  bytesRead(): number
}

/** Opens the inputs, and refuses missing files before any record is stored. Reads nothing yet. `signal` ends the reading. */
export async function openInputs(
  paths: readonly string[],
  { terminal, signal }: { terminal: Pick<Terminal, 'stdin'>; signal: AbortSignal },
): Promise<Inputs> {
  let read = 0
  // A file is opened when its turn comes, so that a thousand files do not take a thousand descriptors.
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

/** Size of standard input in bytes if it is a file (`< file`); undefined for a pipe. */
function standardInputSize(): number | undefined {
  try {
    const stats = fstatSync(0)
    return stats.isFile() ? stats.size : undefined
  } catch {
    return undefined
  }
}
