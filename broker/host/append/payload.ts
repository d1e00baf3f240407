// How much a batch asks of a shard, as limits and loads count it. Host main thread, pure.
import { recordBytesAt, recordCountAt } from '../../../protocol/batch/batch.ts'
import { RECORD_FIXED_BYTES } from '../../../protocol/batch/record-layout.ts'

/** Bytes of keys, headers and data of a checked batch, uncompressed: what Kinesis counts, without our framing. */
export function payloadBytesAt(bytes: Uint8Array, at: number): number {
  return recordBytesAt(bytes, at) - recordCountAt(bytes, at) * RECORD_FIXED_BYTES
}
