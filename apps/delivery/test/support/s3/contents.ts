// What objects are made of in tests: bytes that differ everywhere, in chunks of odd sizes.
import type { ObjectContent, ObjectStore } from '../../../src/destinations/object-store.ts'

/** Bytes that a part in the wrong place would be seen in. */
export function bytesOf(count: number): Buffer {
  const bytes = Buffer.alloc(count)
  for (let at = 0; at + 4 <= count; at += 4) bytes.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
  return bytes
}

/** A content of these bytes, and how often it was opened and closed. */
export function contentOf(
  bytes: Buffer,
  { chunk = 100_003, isSized = true } = {},
): ObjectContent & { readonly opened: number; readonly closed: number } {
  const content = {
    bytes: isSized ? bytes.length : undefined,
    opened: 0,
    closed: 0,
    async *chunks() {
      content.opened += 1
      try {
        for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk)
      } finally {
        content.closed += 1
      }
    },
  }
  return content
}

/** An object as a store gives it back. */
export async function readWhole(store: ObjectStore, key: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.read(key, new AbortController().signal)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
