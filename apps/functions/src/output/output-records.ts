// Packed answers as records to append. Runs in the app, pure.
import type { RecordInput } from 'millrace'
import type { PackedRecords } from './packed-records.ts'

/** The records of answers, in order; their data are views of the answers. */
export function outputRecords(outputs: readonly PackedRecords[]): readonly RecordInput[] {
  const records: RecordInput[] = []
  for (const { count, bytes, ends, partitionKeys } of outputs) {
    for (let i = 0, begin = 0; i < count; i++) {
      const end = ends[i]!
      records.push({ partitionKey: partitionKeys[i]!, data: bytes.subarray(begin, end) })
      begin = end
    }
  }
  return records
}
