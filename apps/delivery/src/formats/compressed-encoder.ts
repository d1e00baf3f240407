// Objects of records one behind the other, compressed when they are due. Small ones are kept in memory, large ones in a scratch file
// beside the spool, since a store may read them several times.
import type { DeliveryCompression } from 'millrace/protocol'
import { rawEncoder, type ObjectEncoder } from '../engine/object-encoder.ts'
import { compressions } from './compressions.ts'
import { keptContent } from './kept-content.ts'

/** Returns an encoder of records, each followed by the delimiter, as one compressed stream. */
export function compressedEncoder(
  compression: Exclude<DeliveryCompression, 'none'>,
  delimiter: string,
): ObjectEncoder {
  const { extension, compress } = compressions[compression]
  const { add } = rawEncoder(delimiter)
  return {
    extension,
    isSelective: false,
    add,
    finish: async (spooled, signal) => ({
      content: await keptContent(
        compress(spooled.chunks()),
        () => spooled.scratch(extension.slice(1)),
        signal,
      ),
      failed: [],
    }),
  }
}
