// Load: fills a stream with records of JSON. Runs in a load process.
import { connect } from '../../harness/connect.ts'
import { logLines, smallRecords } from './json-records.ts'

export interface FillJsonSettings {
  readonly url: string
  readonly stream: string
  readonly shape: 'logLine' | 'small'
  readonly records: number
}

export interface FillJsonResult {
  /** Bytes of their data. */
  readonly bytes: number
}

/** Different records, which are sent in turn. */
const LINES_MEGABYTES = 8
const SMALL_RECORDS = 20_000
const KEYS = 4096

export async function runFillJson(settings: FillJsonSettings): Promise<FillJsonResult> {
  const { url, stream, shape, records } = settings
  await using client = await connect(url)
  const producer = await client.producer(stream, {
    onRefused(error) {
      throw error
    },
  })
  const datas = shape === 'small' ? smallRecords(SMALL_RECORDS) : logLines(LINES_MEGABYTES)
  let bytes = 0
  for (let sent = 0; sent < records; sent++) {
    const data = datas[sent % datas.length]!
    bytes += data.length
    const wait = producer.push({ partitionKey: `key-${sent % KEYS}`, data })
    if (wait !== undefined) await wait
  }
  await producer.close()
  return { bytes }
}
