// A handler that decodes the data of each record, and answers nothing. Runs in a thread of the app functions.
import type { KinesisRecords } from './kinesis-records.ts'

export function handler({ Records }: KinesisRecords): void {
  let bytes = 0
  for (const { kinesis } of Records) bytes += Buffer.from(kinesis.data, 'base64').length
  if (bytes === 0) throw new Error('There are no data.')
}
