// The records that loads append: made once, because a benchmark of a broker should not measure its own payloads.
import { randomFillSync } from 'node:crypto'

export interface LoadRecord {
  readonly partitionKey: string
  readonly data: Buffer
}

/** Enough keys that every shard of a wide stream gets its part. */
const KEYS = 4096
/** Several payloads, so that nothing along the way can profit from always seeing the same bytes. */
const PAYLOADS = 64

/** Records of `bytes` bytes of data each, to be appended in turn, over and over. */
export function makeRecords(bytes: number): readonly LoadRecord[] {
  const payloads = Array.from({ length: PAYLOADS }, () => randomFillSync(Buffer.alloc(bytes)))
  return Array.from({ length: KEYS }, (_, index) => ({
    partitionKey: `key-${index.toString().padStart(5, '0')}`,
    data: payloads[index % PAYLOADS]!,
  }))
}
