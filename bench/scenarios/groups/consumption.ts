// How fast one member of a group processes what is stored: in batches, and record by record with a checkpoint behind each.
import { bars } from '../../bars.ts'
import { within } from '../../harness/deadline.ts'
import type { Figure } from '../../report/figure.ts'
import type { Part } from '../../report/part.ts'
import type { Bench } from '../../scenario.ts'
import { fillStream } from './stream.ts'

interface ConsumptionValues {
  readonly recordBytes: number
  readonly megabytes: number
  readonly shards: number
}

const STREAM = 'bench'
const END_DEADLINE_MS = 120_000

export async function measureConsumption(bench: Bench, values: ConsumptionValues): Promise<Part> {
  const { recordBytes, megabytes, shards } = values
  const { seconds } = bench
  const records = Math.round((megabytes * 1e6) / recordBytes)
  const daemon = await bench.startDaemon()
  await fillStream(bench, daemon, { stream: STREAM, shards, recordBytes, records })
  const figures: Figure[] = []
  for (const checkpoint of ['batch', 'record'] as const) {
    bench.say(`processing ${checkpoint} by ${checkpoint}`)
    const load = bench.load('groupConsume', { url: daemon.url, stream: STREAM, records, checkpoint, seconds })
    const deadlineMs = END_DEADLINE_MS + seconds * 1000
    const result = await within(deadlineMs, 'processing the stream', load.result)
    const name = `one member, ${checkpoint} by ${checkpoint}`
    const bar = checkpoint === 'batch' ? bars.groupBatches : bars.groupRecords
    figures.push(
      { name, value: result.recordsPerSecond, unit: 'records/s', bar },
      { name, value: result.megabytesPerSecond, unit: 'MB/s' },
    )
  }
  await daemon.stop()
  return { figures, latencies: [], notes: [] }
}
