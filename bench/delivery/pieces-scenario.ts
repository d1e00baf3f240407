// Scenario: the pieces of a delivery by themselves, without broker and disk: each format, and the steps before it. What a delivery as a
// whole does is a scenario of its own; this one says which piece holds it up.
import { bars } from '../bars.ts'
import type { PieceResult } from '../load/delivery/pieces.ts'
import type { Figure } from '../report/figure.ts'
import { scenario, type Bench } from '../scenario.ts'
import { logLineColumns as columns } from './columns.ts'

const settings = {
  megabytes: { default: 64, doc: 'records of one object, in MB' },
  rounds: { default: 3, doc: 'measurements of each' },
} as const

const raw = { format: { type: 'raw' }, delimiter: '\n' }
const parquet = { type: 'parquet', compression: 'snappy' }

const formats = [
  { name: 'gzip', definition: { ...raw, compression: 'gzip' }, bar: bars.deliveryGzip },
  { name: 'zip', definition: { ...raw, compression: 'zip' } },
  { name: 'snappy', definition: { ...raw, compression: 'snappy' } },
  { name: 'hadoop-snappy', definition: { ...raw, compression: 'hadoop-snappy' } },
  { name: 'zstd', definition: { ...raw, compression: 'zstd' } },
  {
    name: 'parquet, given columns',
    definition: { format: { ...parquet, columns } },
    bar: bars.deliveryParquet,
  },
  { name: 'parquet, found columns', definition: { format: parquet }, bar: bars.deliveryParquet },
]

const source = { source: { stream: 'bench', from: 'TRIM_HORIZON', isOwn: false }, prefix: '' }
const by = (query: string) => ({ ...source, partitioning: { queries: { key: query }, partitionsMax: 500 } })

const steps = [
  { name: 'taken apart, JSON', definition: { ...source, deaggregation: [{ type: 'json' }] } },
  { name: 'partition by .country', definition: by('.country') },
  { name: 'partition by .country | ascii_downcase', definition: by('.country | ascii_downcase') },
]

export const deliveryPiecesScenario = scenario({
  name: 'delivery-pieces',
  doc: 'the pieces of a delivery by themselves: formats, and the steps before them, over records in memory',
  settings,
  examples: ['', '--megabytes 16 --rounds 1'],
  async run(bench, { megabytes, rounds }) {
    const figures: Figure[] = []
    for (const { name, definition, bar } of formats) {
      bench.say(name)
      const { directory } = bench
      const best = await bestOf(rounds, () =>
        resultOf(bench, 'deliveryFormat', { megabytes, directory, definition }),
      )
      figures.push({ name, value: best.megabytesPerSecond, unit: 'MB/s', ...(bar && { bar }) })
      figures.push(processorTime(name, best))
    }
    for (const { name, definition } of steps) {
      bench.say(name)
      const best = await bestOf(rounds, () => resultOf(bench, 'deliveryPipeline', { megabytes, definition }))
      figures.push({ name, value: best.megabytesPerSecond, unit: 'MB/s' }, processorTime(name, best))
    }
    return [
      {
        scenario: 'delivery-pieces',
        figures,
        latencies: [],
        settings: { megabytes, rounds },
        notes: [
          'Records are log lines as JSON, of about 180 bytes. Figures are the best of the rounds, one piece at a time.',
        ],
      },
    ]
  },
})

function processorTime(name: string, { processorSecondsPerGigabyte }: PieceResult): Figure {
  return { name: `${name}: processor time of 1 GB`, value: processorSecondsPerGigabyte, unit: 's' }
}

async function resultOf<J extends 'deliveryFormat' | 'deliveryPipeline'>(
  bench: Bench,
  job: J,
  given: Parameters<typeof bench.load<J>>[1],
): Promise<PieceResult> {
  return await bench.load(job, given).result
}

async function bestOf(rounds: number, measure: () => Promise<PieceResult>): Promise<PieceResult> {
  let best = await measure()
  for (let round = 1; round < rounds; round++) {
    const next = await measure()
    if (next.megabytesPerSecond > best.megabytesPerSecond) best = next
  }
  return best
}
