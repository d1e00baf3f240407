// The codecs that compress the records of a batch. Runs in the client and in offline checks; the broker never inflates.
// Inflated output is limited in advance to the length in the batch's header.
import * as zlib from 'node:zlib'
import { MillraceError } from '../millrace-error.ts'
import { countOf } from '../text/count-text.ts'

/** The codecs; the index is the codec's number on the wire. */
export const codecs = ['none', 'gzip', 'zstd'] as const
export type Compression = (typeof codecs)[number]

interface ZstdFunctions {
  zstdCompressSync?(bytes: Uint8Array): Uint8Array
  zstdDecompressSync?(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array
}

// The zstd functions are undefined if this version of Node does not have them.
const zstd = zlib as ZstdFunctions

const NO_ZSTD = `This Node (${process.version}) has no zstd: Node 22 has it from 22.15 on, Node 23 from 23.8 on, and every later one.`

/** Returns true if this version of Node has the codec. */
export function isCodecAvailable(codec: Compression): boolean {
  return codec !== 'zstd' || zstd.zstdCompressSync !== undefined
}

/** Compresses bytes. Throws `invalidArgument` for a codec that this version of Node does not have. */
export function compress(codec: Compression, bytes: Uint8Array): Uint8Array {
  if (codec === 'none') return bytes
  if (codec === 'gzip') return zlib.gzipSync(bytes)
  if (zstd.zstdCompressSync === undefined) {
    throw new MillraceError('invalidArgument', `${NO_ZSTD} Use gzip or none, or one of these.`)
  }
  return zstd.zstdCompressSync(bytes)
}

/**
 * Inflates bytes to exactly `length` bytes. Throws `malformedBatch` if the result has another length (never producing more
 * than `length` bytes), and `codecUnavailable` for a codec that this version of Node does not have.
 */
export function decompress(codec: Compression, bytes: Uint8Array, length: number): Uint8Array {
  const inflated = codec === 'none' ? bytes : inflate(codec, bytes, length)
  if (inflated.length !== length) {
    throw new MillraceError(
      'malformedBatch',
      `The records inflate to ${countOf(inflated.length, 'byte')}; its header says ${length}.`,
    )
  }
  return inflated
}

function inflate(codec: 'gzip' | 'zstd', bytes: Uint8Array, length: number): Uint8Array {
  if (codec === 'zstd' && zstd.zstdDecompressSync === undefined) {
    throw new MillraceError('codecUnavailable', `The records are compressed with zstd. ${NO_ZSTD}`)
  }
  const options = { maxOutputLength: Math.max(length, 1) }
  try {
    return codec === 'gzip' ? zlib.gunzipSync(bytes, options) : zstd.zstdDecompressSync!(bytes, options)
  } catch (cause) {
    const message = `The records do not inflate to the ${countOf(length, 'byte')} that the header says.`
    throw new MillraceError('malformedBatch', message, { cause })
  }
}
