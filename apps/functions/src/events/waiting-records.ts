// Records that wait for their call. Runs in the app, pure. A record is a view of the batch that it came in: who holds one holds the batch. Where few
// of each batch wait, for long, and many batches come, that is many times what waits.
import type { PackableRecord } from './kinesis-batch.ts'

/** What records may hold beside their own bytes: so many times as much. */
const HELD_TIMES_MAX = 4
/** Bytes of a record in a batch beside its data, about. */
const RECORD_FRAME_BYTES = 64

/** Returns records that came together and wait from now on: as they are, or, where they hold much else, with bytes of their own. */
export function waitingRecords(records: readonly PackableRecord[]): readonly PackableRecord[] {
  let [own, held] = [0, 0]
  let last: ArrayBufferLike | undefined
  for (const { bytes } of records) {
    own += bytes.length + RECORD_FRAME_BYTES
    if (bytes.buffer === last) continue
    last = bytes.buffer
    held += last.byteLength
  }
  return own * HELD_TIMES_MAX >= held ? records : records.map(detached)
}

/** Takes a record out of its batch. */
export function detached({
  sequenceNumber,
  partitionKey,
  bytes,
  arrivalTime,
}: PackableRecord): PackableRecord {
  return { sequenceNumber, partitionKey, bytes: new Uint8Array(bytes), arrivalTime }
}
