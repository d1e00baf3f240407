// Spools of records in memory and, where an encoder asks for one, in files of a directory of the test.
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ObjectEncoder, Spooled } from '../../src/engine/object-encoder.ts'
import type { ObjectContent } from '../../src/destinations/object-store.ts'

/** Returns records as an encoder's `add` writes them, cut into chunks of some size. */
export function spoolOf(encoder: ObjectEncoder, records: readonly Uint8Array[], chunkBytes = 1000): Spooled {
  const pieces: Uint8Array[] = []
  for (const record of records) encoder.add(record, pieces)
  const bytes = Buffer.concat(pieces)
  let directory: Promise<string> | undefined
  let files = 0
  return {
    bytes: bytes.length,
    records: records.length,
    async *chunks() {
      for (let from = 0; from < bytes.length; from += chunkBytes)
        yield bytes.subarray(from, from + chunkBytes)
    },
    toFile: async () => {
      const path = join(await (directory ??= mkdtemp(join(tmpdir(), 'millrace-spool-'))), 'spool')
      await writeFile(path, bytes)
      return path
    },
    scratch: (extension) =>
      join(tmpdir(), `millrace-scratch-${process.pid}-${++files}-${random()}.${extension}`),
  }
}

/** Reads content from its beginning. */
export async function contentBytes(content: ObjectContent | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  if (content !== undefined) for await (const chunk of content.chunks()) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  if (content?.bytes !== undefined && content.bytes !== bytes.length) {
    throw new Error(`The content said ${content.bytes} bytes, and has ${bytes.length}.`)
  }
  return bytes
}

const random = () => Math.random().toString(36).slice(2)
