// Records on their way to standard output: gathered into large writes, held back while the pipe is full, flushed when the
// source pauses. Never keeps more than a write's worth: a slow reader of the pipe slows the reading of the stream.
import { once } from 'node:events'
import type { Terminal } from './../terminal.ts'

const WRITE_BYTES = 64 * 1024

export interface OutputStream {
  /** Resolves at once while there is room; otherwise when the pipe has drained or is closed. */
  write(chunk: Uint8Array): void | Promise<void>
  /** Hands what is gathered to the pipe. */
  flush(): Promise<void>
}

export function outputStream({
  stdout,
  outputClosed,
}: Pick<Terminal, 'stdout' | 'outputClosed'>): OutputStream {
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
    // A closed pipe never drains: its signal ends the wait.
    await once(stdout, 'drain', { signal: outputClosed }).catch((error: unknown) => {
      if (!outputClosed.aborted) throw error
    })
  }

  return {
    write(chunk) {
      gathered.push(chunk)
      gatheredBytes += chunk.length
      if (gatheredBytes >= WRITE_BYTES) return flush()
      if (scheduled) return undefined
      scheduled = true
      // After this turn's records: a follower sees each at once, a replay writes in large pieces.
      setImmediate(() => void flush())
      return undefined
    },
    flush,
  }
}
