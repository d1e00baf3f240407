// Scenario: time that a broker takes to open much data, compared with an empty directory, after an orderly stop and after a
// kill. Neither may need a replay.
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import type { RunningDaemon } from '../harness/daemon.ts'
import type { Bench } from '../scenario.ts'
import { scenario } from '../scenario.ts'

const RECORD_BYTES = 1024
const STARTS = 3

export const restartScenario = scenario({
  name: 'restart',
  doc: 'time to open a data directory with much in it, against an empty one',
  settings: {
    megabytes: { default: 1024, doc: 'stored before the restart' },
    shards: { default: 16, doc: 'shards of the stream' },
  },
  examples: ['', '--megabytes 10Ki'],
  async run(bench, values) {
    const empty = await medianStart(bench, await openWithStream(bench, values.shards))
    const daemon = await openWithStream(bench, values.shards)
    bench.say(`storing ${values.megabytes} MB`)
    const records = Math.round((values.megabytes * 1e6) / RECORD_BYTES)
    await bench.load('fill', { url: daemon.url, stream: 'bench', recordBytes: RECORD_BYTES, records }).result
    daemon.process.kill('SIGKILL')
    const afterCrash = await daemon.startAgain()
    const full = await medianStart(bench, afterCrash)
    const figures = [
      { name: 'open an empty directory', value: empty, unit: 'ms' },
      { name: `open ${values.megabytes} MB after a kill`, value: afterCrash.startMs, unit: 'ms' },
      { name: `open ${values.megabytes} MB`, value: full, unit: 'ms' },
      { name: 'full against empty', value: full / empty, unit: 'x', bar: bars.restart },
    ] as const
    return [{ scenario: 'restart', figures, latencies: [], settings: { ...values }, notes: [] }]
  },
})

async function openWithStream(bench: Bench, shards: number): Promise<RunningDaemon> {
  const daemon = await bench.startDaemon()
  await using client = await connect(daemon.url)
  await client.createStream('bench', { shards })
  return daemon
}

/** The median time of a few starts, since other processes on the machine disturb single starts. */
async function medianStart(bench: Bench, running: RunningDaemon): Promise<number> {
  const times: number[] = []
  let daemon = running
  for (let start = 0; start < STARTS; start++) {
    await daemon.stop()
    daemon = await daemon.startAgain()
    times.push(daemon.startMs)
    bench.say(`opened in ${daemon.startMs.toFixed(0)} ms`)
  }
  await daemon.stop()
  return times.toSorted((a, b) => a - b)[STARTS >> 1]!
}
