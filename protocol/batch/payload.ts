// The size of a batch, as limits and loads count it. Runs anywhere, pure.
import { recordBytesAt, recordCountAt } from './batch.ts'
import { RECORD_FIXED_BYTES } from './record-layout.ts'

/** Returns the uncompressed bytes of keys, headers and data of a checked batch: what Kinesis counts, without the framing. */
export function payloadBytesAt(bytes: Uint8Array, at: number): number {
  return recordBytesAt(bytes, at) - recordCountAt(bytes, at) * RECORD_FIXED_BYTES
}
