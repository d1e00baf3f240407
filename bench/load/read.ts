// Load: reads all records of a stream repeatedly, as fast as possible. Runs in a load process.
import { connect } from '../harness/connect.ts'
import { monotonicMs } from '../harness/clock.ts'

export interface ReadSettings {
  readonly url: string
  readonly stream: string
  /** Number of records in the stream; reading fewer is a failure. */
  readonly records: number
  /** Whether the loop is over records or over batches. */
  readonly by: 'record' | 'batch'
  /** Passes are repeated for so long; at least one is made. */
  readonly seconds: number
}

export interface ReadResult {
  readonly recordsPerSecond: number
  readonly megabytesPerSecond: number
  readonly passes: number
}

export async function runRead(settings: ReadSettings): Promise<ReadResult> {
  await using client = await connect(settings.url)
  const startedAt = monotonicMs()
  let records = 0
  let bytes = 0
  let passes = 0
  do {
    const before = records
    const reading = client.read(settings.stream)
    if (settings.by === 'record') {
      for await (const record of reading) {
        records++
        bytes += record.bytes.length
      }
    } else {
      for await (const batch of reading.batches()) {
        records += batch.length
        for (const record of batch) bytes += record.bytes.length
      }
    }
    if (records - before !== settings.records)
      throw new Error(`${records - before} of ${settings.records} were read`)
    passes++
  } while (monotonicMs() - startedAt < settings.seconds * 1000)
  const seconds = (monotonicMs() - startedAt) / 1000
  return { recordsPerSecond: records / seconds, megabytesPerSecond: bytes / 1e6 / seconds, passes }
}
