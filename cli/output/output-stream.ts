// Writes records to standard output: gathers them into large writes, waits while the pipe is full, and flushes when the
// source pauses. Holds at most one write, so that a slow reader of the pipe slows the reading of the stream. An interruption
// does not wait for the reader.
import { once } from 'node:events'
import type { Terminal } from '../terminal.ts'

const WRITE_BYTES = 64 * 1024

export interface OutputStream {
  /** Returns nothing while there is room; otherwise a promise that resolves when the pipe has drained, is closed, or is not waited for any more. */
  write(chunk: Uint8Array): void | Promise<void>
  /** Writes the gathered bytes to the pipe. */
  flush(): Promise<void>
}

/** `interrupted` ends every wait for the pipe. */
export function outputStream(
  { stdout, outputClosed }: Pick<Terminal, 'stdout' | 'outputClosed'>,
  interrupted?: AbortSignal,
): OutputStream {
  const stop = interrupted === undefined ? outputClosed : AbortSignal.any([outputClosed, interrupted])
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  let scheduled = false

  async function flush(): Promise<void> {
    scheduled = false
    if (gatheredBytes === 0 || outputClosed.aborted) return
    const chunk = Buffer.concat(gathered, gatheredBytes)
    gathered = []
    gatheredBytes = 0
    if (stdout.write(chunk)) return
    // A closed pipe never drains, so its signal ends the wait.
    await once(stdout, 'drain', { signal: stop }).catch((error: unknown) => {
      if (!stop.aborted) throw error
    })
  }

  return {
    write(chunk) {
      gathered.push(chunk)
      gatheredBytes += chunk.length
      if (gatheredBytes >= WRITE_BYTES) return flush()
      if (scheduled) return undefined
      scheduled = true
      // The flush runs after this turn's records: a follower shows each record at once, and a replay makes large writes.
      setImmediate(() => void flush())
      return undefined
    },
    flush,
  }
}
