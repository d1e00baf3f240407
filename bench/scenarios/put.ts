// Scenario: single puts from many connections, each of which waits for its acknowledgement, as a web server does.
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { measureFlush } from '../limits/limits.ts'
import { scenario } from '../scenario.ts'

export const putScenario = scenario({
  name: 'put',
  doc: 'unbatched puts, one under way on each connection',
  settings: {
    connections: { default: 64, doc: 'connections that put at the same time' },
    recordBytes: { default: 100, doc: 'data of each record' },
    shards: { default: 4, doc: 'shards of the stream' },
  },
  examples: ['', '--connections 1', '--connections 256 --record-bytes 1Ki'],
  async run(bench, values) {
    const flush = mergeLatencies([await measureFlush(bench)])
    const daemon = await bench.startDaemon()
    await using client = await connect(daemon.url)
    await client.createStream('bench', { shards: values.shards })
    bench.say(`putting from ${values.connections} connections`)
    const { connections, recordBytes } = values
    const { seconds, warmUpSeconds } = bench
    const settings = { url: daemon.url, stream: 'bench', recordBytes, connections, seconds, warmUpSeconds }
    const result = await bench.load('put', settings).result
    const figures = [
      {
        name: `puts, ${connections} connections`,
        value: result.putsPerSecond,
        unit: 'puts/s',
        bar: bars.puts,
      } as const,
    ]
    const latencies = [
      { name: 'put', summary: mergeLatencies([result.latencies]) },
      { name: 'fdatasync, 4 KiB', summary: flush },
    ]
    return [{ scenario: 'put', figures, latencies, settings: { ...values, seconds }, notes: [] }]
  },
})
