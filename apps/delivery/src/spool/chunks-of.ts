// Records are small, and whatever takes bytes does so at a price for each chunk: a turn of the event loop, a call of a compressor in another
// thread, a buffer of a call of the system. So they go on in chunks of a good size. Pure.

/** Bytes of a chunk, about. */
export const CHUNK_BYTES = 256 * 1024

/** Pieces one behind the other, in chunks: small ones are copied together, large ones are given as they are. */
export function* chunksOf(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let from = 0
  let bytes = 0
  for (let at = 0; at < pieces.length; at++) {
    const { length } = pieces[at]!
    if (bytes > 0 && bytes + length > CHUNK_BYTES) {
      yield joined(pieces, from, at, bytes)
      from = at
      bytes = 0
    }
    bytes += length
  }
  if (bytes > 0) yield joined(pieces, from, pieces.length, bytes)
}

function joined(pieces: readonly Uint8Array[], from: number, to: number, bytes: number): Uint8Array {
  return to - from === 1 ? pieces[from]! : Buffer.concat(pieces.slice(from, to), bytes)
}
