// Keeps what is made once and read several times: in memory while it is small, else in a file. Runs in the app.
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { ObjectContent } from '../destinations/object-store.ts'

/** Content of fewer bytes stays in memory until its object is written. */
export const MEMORY_BYTES_MAX = 2 ** 20

const READ_BYTES = 2 ** 18

/** Returns content that was kept. `scratch` names a file that does not exist yet. */
export async function keptContent(
  chunks: AsyncIterable<Uint8Array>,
  scratch: () => string,
  signal: AbortSignal,
): Promise<ObjectContent> {
  let pieces: Uint8Array[] = []
  let waiting = 0
  let bytes = 0
  let file: { readonly path: string; readonly handle: FileHandle } | undefined
  try {
    for await (const chunk of chunks) {
      signal.throwIfAborted()
      pieces.push(chunk)
      waiting += chunk.length
      bytes += chunk.length
      if (waiting < MEMORY_BYTES_MAX) continue
      file ??= await openedAt(scratch())
      await writtenWhole(file.handle, Buffer.concat(pieces))
      pieces = []
      waiting = 0
    }
    if (file === undefined) return memoryContent(pieces)
    await writtenWhole(file.handle, Buffer.concat(pieces))
  } finally {
    await file?.handle.close()
  }
  return fileContent(file.path, bytes)
}

/** Content of a file. */
export function fileContent(path: string, bytes: number): ObjectContent {
  return { bytes, file: path, chunks: () => createReadStream(path, { highWaterMark: READ_BYTES }) }
}

/** Content in memory. */
export function memoryContent(pieces: readonly Uint8Array[]): ObjectContent {
  return {
    bytes: pieces.reduce((sum, piece) => sum + piece.length, 0),
    async *chunks() {
      yield* pieces
    },
  }
}

async function openedAt(path: string): Promise<{ readonly path: string; readonly handle: FileHandle }> {
  return { path, handle: await open(path, 'w') }
}

async function writtenWhole(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length;) {
    from += (await handle.write(bytes, from, bytes.length - from)).bytesWritten
  }
}
