// The records that loads append. They are made once, so that the bench does not measure the making of payloads.
import { randomFillSync } from 'node:crypto'

export interface LoadRecord {
  readonly partitionKey: string
  readonly data: Buffer
}

/** Number of keys, enough that every shard of a wide stream gets records. */
const KEYS = 4096
/** Number of payloads; several, so that no cache or codec profits from equal bytes. */
const PAYLOADS = 64

/** Makes records of `bytes` bytes of data each, which a load appends in turn. */
export function makeRecords(bytes: number): readonly LoadRecord[] {
  const payloads = Array.from({ length: PAYLOADS }, () => randomFillSync(Buffer.alloc(bytes)))
  return Array.from({ length: KEYS }, (_, index) => ({
    partitionKey: `key-${index.toString().padStart(5, '0')}`,
    data: payloads[index % PAYLOADS]!,
  }))
}
