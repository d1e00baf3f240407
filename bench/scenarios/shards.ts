// Scenario: throughput over many shards on one host compared with few, which should not differ much.
import { bars } from '../bars.ts'
import type { AppendResult } from '../load/append.ts'
import type { Figure } from '../report/figure.ts'
import { scenario } from '../scenario.ts'
import { appendTo } from './append.ts'

export const shardsScenario = scenario({
  name: 'shards',
  doc: 'the same load over few and over many shards of one host',
  settings: {
    few: { default: 4, doc: 'the number to compare with' },
    many: { default: [256], doc: 'the numbers to compare' },
    recordBytes: { default: 100, doc: 'data of each record' },
    batchBytes: { default: 262_144, doc: 'size at which a batch is full' },
  },
  examples: ['', '--many 64,256,1024', '--record-bytes 1Ki'],
  async run(bench, values) {
    const { few, recordBytes, batchBytes } = values
    const measure = async (shards: number) => {
      bench.say(`appending to ${shards} shards`)
      return await appendTo(bench, { recordBytes, batchBytes, shards })
    }
    // The few shards are measured before and after, so that a machine that slows down does not distort the ratio.
    const before = await measure(few)
    const measured: { readonly shards: number; readonly result: AppendResult }[] = []
    for (const shards of values.many) measured.push({ shards, result: await measure(shards) })
    const after = await measure(few)
    const baseline = (before.recordsPerSecond + after.recordsPerSecond) / 2
    const figures: Figure[] = [
      { name: `${few} shards`, value: baseline, unit: 'records/s' },
      { name: `${few} shards, mean batch`, value: before.batchRecords, unit: 'records' },
    ]
    for (const { shards, result } of measured) {
      const bar = shards === 256 ? { bar: bars.manyShards } : {}
      const percent = (100 * result.recordsPerSecond) / baseline
      figures.push(
        { name: `${shards} shards`, value: result.recordsPerSecond, unit: 'records/s' },
        { name: `${shards} shards, mean batch`, value: result.batchRecords, unit: 'records' },
        { name: `${shards} shards of ${few}`, value: percent, unit: '%', ...bar },
      )
    }
    return [
      {
        scenario: 'shards',
        figures,
        latencies: [],
        settings: { ...values, seconds: bench.seconds },
        notes: [],
      },
    ]
  },
})
