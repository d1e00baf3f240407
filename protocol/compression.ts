// What may compress the records of a batch. Runs in the client and in offline checks; the broker never inflates.
// Output is bounded by what the batch's header promised, before a byte of it is made.
import * as zlib from 'node:zlib'
import { MillraceError } from './millrace-error.ts'

/** In the order of their numbers on the wire. */
export const codecs = ['none', 'gzip', 'zstd'] as const
export type Codec = (typeof codecs)[number]

interface ZstdFunctions {
  zstdCompressSync?(bytes: Uint8Array): Uint8Array
  zstdDecompressSync?(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array
}

// In Node from 22.15 on; older runtimes say so when asked for it.
const zstd = zlib as ZstdFunctions

/** Whether this runtime has the codec. */
export function isCodecAvailable(codec: Codec): boolean {
  return codec !== 'zstd' || zstd.zstdCompressSync !== undefined
}

/** The bytes compressed. Throws `invalidArgument` for a codec that this runtime does not have. */
export function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  if (codec === 'none') return bytes
  if (codec === 'gzip') return zlib.gzipSync(bytes)
  if (zstd.zstdCompressSync === undefined) throw noZstd()
  return zstd.zstdCompressSync(bytes)
}

/**
 * The bytes inflated, exactly `length` of them. Throws `corruptData` for anything else, without making more than
 * `length` bytes, and `invalidArgument` for a codec that this runtime does not have.
 */
export function decompress(codec: Codec, bytes: Uint8Array, length: number): Uint8Array {
  const inflated = codec === 'none' ? bytes : inflate(codec, bytes, length)
  if (inflated.length !== length) {
    throw new MillraceError(
      'corruptData',
      `The records of a batch inflate to ${inflated.length} bytes; its header says ${length}.`,
    )
  }
  return inflated
}

function inflate(codec: 'gzip' | 'zstd', bytes: Uint8Array, length: number): Uint8Array {
  if (codec === 'zstd' && zstd.zstdDecompressSync === undefined) throw noZstd()
  const options = { maxOutputLength: Math.max(length, 1) }
  try {
    return codec === 'gzip' ? zlib.gunzipSync(bytes, options) : zstd.zstdDecompressSync!(bytes, options)
  } catch (cause) {
    throw new MillraceError(
      'corruptData',
      `The records of a batch do not inflate to the ${length} bytes announced.`,
      {
        cause,
      },
    )
  }
}

function noZstd(): MillraceError {
  return new MillraceError(
    'invalidArgument',
    `This runtime (${process.version}) has no zstd: use gzip, none, or Node 22.15 or later.`,
  )
}
