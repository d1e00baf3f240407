// Load: fills a stream with clicks, and behind them one of each user, an hour later, which closes all windows before. Runs in a load process.
import { connect } from '../../harness/connect.ts'
import { click, CLICKS_PER_SECOND, FIRST_CLICK_MS } from './clicks.ts'

export interface FillClicksSettings {
  readonly url: string
  readonly stream: string
  readonly clicks: number
}

export interface FillClicksResult {
  /** Bytes of data of all clicks. */
  readonly bytes: number
  /** Clicks behind those that were wanted. */
  readonly closing: number
}

const CLOSING = 1000
const HOUR_MS = 3_600_000

export async function runFillClicks({ url, stream, clicks }: FillClicksSettings): Promise<FillClicksResult> {
  await using client = await connect(url)
  const producer = await client.producer(stream, {
    onRefused(error) {
      throw error
    },
  })
  const closesAt = FIRST_CLICK_MS + (clicks * 1000) / CLICKS_PER_SECOND + HOUR_MS
  let bytes = 0
  for (let sent = 0; sent < clicks + CLOSING; sent++) {
    const record = sent < clicks ? click(sent) : click(sent, closesAt)
    if (sent < clicks) bytes += record.data.length
    const wait = producer.push(record)
    if (wait !== undefined) await wait
  }
  await producer.close()
  return { bytes, closing: CLOSING }
}
