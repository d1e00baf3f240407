// Scenario: reading stored records, the newest from the host's memory, older ones from its segments.
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import { measureLoopback } from '../limits/limits.ts'
import { type Figure, ratioTo } from '../report/figure.ts'
import { scenario } from '../scenario.ts'

/** Smaller than the default size of a host's tail cache, so that the cache holds all of it. */
const CACHED_MEGABYTES = 32

export const readScenario = scenario({
  name: 'read',
  doc: 'one reader takes what is stored, from memory and from disk',
  settings: {
    recordBytes: { default: 100, doc: 'data of each record' },
    megabytes: { default: 200, doc: 'stored before it is read from disk' },
    shards: { default: 4, doc: 'shards of the stream' },
  },
  examples: ['', '--record-bytes 1Ki --megabytes 1Ki'],
  async run(bench, values) {
    const loopback = await measureLoopback(bench)
    const figures: Figure[] = []
    const { recordBytes, shards } = values
    for (const from of ['memory', 'disk'] as const) {
      const megabytes = from === 'memory' ? Math.min(CACHED_MEGABYTES, values.megabytes) : values.megabytes
      const records = Math.round((megabytes * 1e6) / recordBytes)
      bench.say(`storing ${megabytes} MB to be read from ${from}`)
      let daemon = await bench.startDaemon()
      {
        await using client = await connect(daemon.url)
        await client.createStream('bench', { shards })
      }
      await bench.load('fill', { url: daemon.url, stream: 'bench', recordBytes, records }).result
      if (from === 'disk') {
        // A host that has just started has nothing in memory; the kernel may still cache its files.
        await daemon.stop()
        daemon = await daemon.startAgain()
      }
      for (const by of ['record', 'batch'] as const) {
        bench.say(`reading from ${from}, ${by} by ${by}`)
        const { seconds } = bench
        const result = await bench.load('read', { url: daemon.url, stream: 'bench', records, by, seconds })
          .result
        const name = `from ${from}, ${by} by ${by}`
        const ratios = [ratioTo('loopback TCP', result.megabytesPerSecond, loopback)]
        figures.push(
          { name, value: result.recordsPerSecond, unit: 'records/s', bar: bars.reads },
          { name, value: result.megabytesPerSecond, unit: 'MB/s', ratios },
        )
      }
      await daemon.stop()
    }
    const notes = [
      '"From disk": nothing in the memory of the broker; the page cache of the kernel may hold it.',
    ]
    return [
      { scenario: 'read', figures, latencies: [], settings: { ...values, seconds: bench.seconds }, notes },
    ]
  },
})
