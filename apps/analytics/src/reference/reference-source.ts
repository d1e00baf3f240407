// What fetches files from elsewhere. Types, and how a copy is written.
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Which version of a file there is a copy of, as its server names it. */
export interface ReferenceVersion {
  readonly etag?: string | undefined
  readonly modified?: string | undefined
}

export interface ReferenceRequest {
  readonly name: string
  /** Of the copy that there is: nothing is fetched where the server has the same one. */
  readonly known: ReferenceVersion | undefined
  /** Where the copy is written. */
  readonly path: string
  readonly bytesMax: number
  readonly signal: AbortSignal
}

/** Fetches a file. Fulfils with its version, and undefined where it is the known one. Rejects with `ReferenceFault`. */
export type ReferenceSource = (request: ReferenceRequest) => Promise<ReferenceVersion | undefined>

/** A file cannot be had: a sentence for a person. */
export class ReferenceFault extends Error {
  override readonly name = 'ReferenceFault'
}

/** Writes a copy; what is longer than it may be is not kept. Rejects with `ReferenceFault`. */
export async function writeCopy(
  body: Readable,
  { path, bytesMax, signal }: Pick<ReferenceRequest, 'path' | 'bytesMax' | 'signal'>,
): Promise<void> {
  let bytes = 0
  try {
    await pipeline(
      body,
      async function* bounded(chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          bytes += chunk.length
          if (bytes > bytesMax)
            throw new ReferenceFault(
              `it has more than ${bytesMax} bytes: give the app more for it (analytics-reference-size), or join with a smaller file`,
            )
          yield chunk
        }
      },
      createWriteStream(path),
      { signal },
    )
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}
