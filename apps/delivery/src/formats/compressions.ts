// The table of compressions: the ending of names, and how bytes become a compressed stream. Compressing takes place in threads of libuv
// or of the library, or in slices of a megabyte at most, so that the event loop is never held for long. The same bytes give the same
// object: no time and no name of a machine gets in.
import type { DeliveryCompression } from 'millrace/protocol'
import { gzipped } from './gzip.ts'
import { hadoopSnappy, snappyFramed } from './snappy.ts'
import { zipped } from './zip.ts'
import { zstandard } from './zstd.ts'

export interface Compression {
  /** As Firehose names it. */
  readonly extension: string
  readonly compress: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>
}

export const compressions: Readonly<Record<Exclude<DeliveryCompression, 'none'>, Compression>> = {
  gzip: { extension: '.gz', compress: gzipped },
  zip: { extension: '.zip', compress: zipped },
  snappy: { extension: '.snappy', compress: snappyFramed },
  'hadoop-snappy': { extension: '.hsnappy', compress: hadoopSnappy },
  zstd: { extension: '.zst', compress: zstandard },
}

/** Endings of names by compression; '' for none. */
export const compressionExtensions: Readonly<Record<DeliveryCompression, string>> = {
  none: '',
  gzip: compressions.gzip.extension,
  zip: compressions.zip.extension,
  snappy: compressions.snappy.extension,
  'hadoop-snappy': compressions['hadoop-snappy'].extension,
  zstd: compressions.zstd.extension,
}
