// How a delivery's records become objects: the encoder that its definition asks for. Runs in the app. Encoders have no state of their own,
// so that the same spool gives the same object again.
import type { DeliveryDefinition } from 'millrace/protocol'
import { rawEncoder, type ObjectEncoder } from '../engine/object-encoder.ts'
import { compressedEncoder } from './compressed-encoder.ts'
import { parquetEncoder } from './parquet/parquet-encoder.ts'

export { compressionExtensions } from './compressions.ts'
export { parquetRefusal } from './parquet/duckdb.ts'
export { checkedColumns } from './parquet/schema.ts'

/** What of a definition an encoder depends on. */
export type EncodedBy = Pick<DeliveryDefinition, 'format' | 'compression' | 'delimiter'>

/** Returns the encoder of a definition. Throws a `TypeError` where its columns are refused. `now` tells when errors were found. */
export function makeEncoder({ format, compression, delimiter }: EncodedBy, now: () => number): ObjectEncoder {
  // Parquet is compressed inside, column by column.
  if (format.type === 'parquet') return parquetEncoder(format, now)
  return compression === 'none' ? rawEncoder(delimiter) : compressedEncoder(compression, delimiter)
}
