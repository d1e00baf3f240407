// Load: appends a given number of records to a stream. Runs in a load process.
import { connect } from '../harness/connect.ts'
import type { LoadControl } from './job.ts'
import { makeRecords } from './records.ts'

export interface FillSettings {
  readonly url: string
  readonly stream: string
  readonly recordBytes: number
  readonly records: number
}

const PROGRESS_EVERY_MS = 2000

export async function runFill(settings: FillSettings, control: LoadControl): Promise<null> {
  await using client = await connect(settings.url)
  let stored = 0
  const producer = await client.producer(settings.stream, {
    onAcknowledged({ recordCount }) {
      stored += recordCount
    },
    onRefused(error) {
      throw error
    },
  })
  const progress = setInterval(() => {
    control.say(
      `  stored ${stored.toLocaleString('en-US')} of ${settings.records.toLocaleString('en-US')} records`,
    )
  }, PROGRESS_EVERY_MS)
  const records = makeRecords(settings.recordBytes)
  for (let sent = 0; sent < settings.records; sent++) {
    const wait = producer.push(records[sent % records.length]!)
    if (wait !== undefined) await wait
  }
  await producer.close()
  clearInterval(progress)
  if (stored !== settings.records) throw new Error(`${stored} of ${settings.records} records were stored`)
  return null
}
