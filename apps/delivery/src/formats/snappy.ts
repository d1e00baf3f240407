// Snappy in its two framings. `snappy` is the framing format of Snappy itself (chunks of 64 KiB with CRC-32C), which `snzip`, python-snappy
// and snappy-java's SnappyFramedInputStream read. `hadoop-snappy` is what Hadoop's SnappyCodec reads: blocks of at most 256 KiB, each with
// its length before and after compression, as four bytes of which the highest comes first.
import { compress, Compressor } from 'snappy'

/** Hadoop's `io.compression.codec.snappy.buffersize`: readers reserve as much for a block. */
const HADOOP_BLOCK_BYTES = 2 ** 18

/** What is given to the library at once: a few milliseconds of the event loop. */
const SLICE_BYTES = 2 ** 20

const U32_BYTES = 4

/** Compresses a stream of bytes in the framing format. */
export async function* snappyFramed(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const compressor = new Compressor()
  for await (const slice of sliced(chunks, SLICE_BYTES)) yield compressor.update(slice)
  yield await compressor.finish()
}

/** Compresses a stream of bytes as Hadoop's codec does. */
export async function* hadoopSnappy(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const block of sliced(chunks, HADOOP_BLOCK_BYTES)) {
    const compressed = await compress(block)
    const lengths = Buffer.alloc(2 * U32_BYTES)
    lengths.writeUInt32BE(block.length, 0)
    lengths.writeUInt32BE(compressed.length, U32_BYTES)
    yield lengths
    yield compressed
  }
}

/** Cuts a stream of bytes into slices of one size; the last may be smaller. Where they end does not depend on the chunks. */
export async function* sliced(
  chunks: AsyncIterable<Uint8Array>,
  sliceBytes: number,
): AsyncIterable<Uint8Array> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length;) {
      const part = chunk.subarray(from, from + sliceBytes - bytes)
      waiting.push(part)
      bytes += part.length
      from += part.length
      if (bytes < sliceBytes) continue
      yield Buffer.concat(waiting)
      waiting = []
      bytes = 0
    }
  }
  if (bytes > 0) yield Buffer.concat(waiting)
}
