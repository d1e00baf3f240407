// Records as the API shows them. Pure. Data and partition key are the bytes that were stored; what native producers add beside
// them (headers, a time of their own) has no place there.
import type { StreamRecord } from 'millrace'
import type { StreamFacts } from '../../book/stream-facts.ts'
import type { SequenceNumbers } from '../../identifiers/sequence-number.ts'
import type { OutputOf } from '../../model/operations.ts'
import { isKeyless } from '../keyless.ts'

export type ShownRecord = OutputOf<'GetRecords'>['Records'][number]

/** Records of one shard, in their order. */
export function recordsOf(
  records: readonly StreamRecord[],
  numbers: SequenceNumbers,
  { encryption }: Pick<StreamFacts, 'encryption'>,
): ShownRecord[] {
  return records.map((record) => {
    const { arrivalTime, sequenceNumber } = record
    const shown = {
      SequenceNumber: numbers.of(sequenceNumber, arrivalTime.getTime()),
      ApproximateArrivalTimestamp: arrivalTime,
      Data: record.bytes,
      PartitionKey: isKeyless(record.headers) ? undefined : record.partitionKey,
    }
    return encryption === undefined ? shown : { ...shown, EncryptionType: 'KMS' }
  })
}
