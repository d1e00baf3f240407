// A handler that answers with the records that it got. Runs in a thread of the app functions.
import type { KinesisRecords } from './kinesis-records.ts'

export function handler({ Records }: KinesisRecords): {
  records: { partitionKey: string; data: Uint8Array }[]
} {
  const records = Records.map(({ kinesis: { partitionKey, data } }) => ({
    partitionKey,
    data: Buffer.from(data, 'base64'),
  }))
  return { records }
}
