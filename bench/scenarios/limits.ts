// Scenario: the machine without a broker: flushes, writes with lmdb-js, and bytes between processes.
import { measureDisk, measureLoopback, measureRawLmdb } from '../limits/limits.ts'
import type { Figure, LatencyCurve } from '../report/figure.ts'
import { scenario } from '../scenario.ts'

export const limitsScenario = scenario({
  name: 'limits',
  doc: 'the machine alone: fdatasync, raw lmdb-js, loopback TCP',
  settings: {
    batchBytes: { default: [65_536, 262_144], doc: 'batches that lmdb-js writes' },
    inFlight: { default: 8, doc: 'batches in flight' },
  },
  examples: ['', '--batch-bytes 64Ki --in-flight 32'],
  async run(bench, values) {
    const disk = await measureDisk(bench)
    const figures: Figure[] = [
      { name: 'flushed appends of 64 KiB', value: disk.flushedMegabytesPerSecond, unit: 'MB/s' },
    ]
    const latencies: LatencyCurve[] = [{ name: 'fdatasync, 4 KiB', summary: disk.flush }]
    for (const bytes of values.batchBytes) {
      const name = `raw lmdb-js, ${bytes} B × ${values.inFlight}`
      const raw = await measureRawLmdb(bench, { bytes, inFlight: values.inFlight })
      figures.push({ name, value: raw.megabytesPerSecond, unit: 'MB/s' })
      latencies.push({ name, summary: raw.commit })
    }
    figures.push({ name: 'loopback TCP', value: await measureLoopback(bench), unit: 'MB/s' })
    return [{ scenario: 'limits', figures, latencies, settings: { ...values }, notes: [] }]
  },
})
