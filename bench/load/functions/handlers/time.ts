// A handler that notes for each record its intended send time, and when it came. Runs in a thread of the app functions.
import { appendFileSync } from 'node:fs'
import { monotonicMs } from '../../../harness/clock.ts'
import type { KinesisRecords } from './kinesis-records.ts'

export function handler({ Records }: KinesisRecords): void {
  const at = monotonicMs()
  let lines = ''
  for (const { kinesis } of Records) {
    const intendedAt = Number.parseFloat(Buffer.from(kinesis.data, 'base64').toString())
    lines += `${intendedAt} ${at}\n`
  }
  appendFileSync(process.env['TIMES']!, lines)
}
