// Lays chunks of any sizes out in slices of one size, each with bytes of its own. Pure.

/** The slices of `chunks`, each of `bytes` but the last. Nothing is yielded where there is nothing. `total`, where known, spares memory. */
export async function* slicesOf(
  chunks: AsyncIterable<Uint8Array>,
  { bytes, total }: { readonly bytes: number; readonly total: number | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = total ?? Infinity
  let slice = Buffer.allocUnsafe(0)
  let filled = 0
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength;) {
      if (filled === slice.byteLength) {
        if (filled > 0) yield slice
        left -= filled
        // More came than was said: the rest is cut into slices as if nothing had been said.
        slice = Buffer.allocUnsafe(left > 0 ? Math.min(bytes, left) : bytes)
        filled = 0
      }
      const taken = chunk.subarray(at, at + slice.byteLength - filled)
      slice.set(taken, filled)
      filled += taken.byteLength
      at += taken.byteLength
    }
  }
  if (filled > 0) yield slice.subarray(0, filled)
}
