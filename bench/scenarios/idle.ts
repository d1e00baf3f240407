// Scenario: memory of idle shards, as resident memory of controller and hosts with many idle shards and with none.
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import { processesOf, residentMegabytesOf } from '../harness/memory.ts'
import type { Bench } from '../scenario.ts'
import { scenario } from '../scenario.ts'

const STREAM_SHARDS_MAX = 1000
const SETTLE_MS = 1000

export const idleScenario = scenario({
  name: 'idle',
  doc: 'memory of controller and hosts with idle shards, against none',
  settings: { shards: { default: 1000, doc: 'idle shards' } },
  examples: ['', '--shards 4096'],
  async run(bench, values) {
    const empty = await measureMemory(bench, 0)
    const full = await measureMemory(bench, values.shards)
    const bar = values.shards === 1000 ? { bar: bars.idleShards } : {}
    const figures = [
      { name: 'no shards', value: empty, unit: 'MB' },
      { name: `${values.shards} idle shards`, value: full, unit: 'MB' },
      { name: 'what they cost', value: full - empty, unit: 'MB', ...bar },
    ] as const
    return [{ scenario: 'idle', figures, latencies: [], settings: { ...values }, notes: [] }]
  },
})

/** Resident memory of the whole broker, shortly after a restart, since creating streams leaves garbage. */
async function measureMemory(bench: Bench, shards: number): Promise<number> {
  bench.say(`measuring memory with ${shards} shards`)
  const first = await bench.startDaemon()
  {
    await using client = await connect(first.url)
    for (let left = shards, index = 0; left > 0; left -= STREAM_SHARDS_MAX, index++) {
      await client.createStream(`idle-${index}`, { shards: Math.min(left, STREAM_SHARDS_MAX) })
    }
  }
  await first.stop()
  const daemon = await first.startAgain()
  const pids = await processesOf(daemon)
  await delay(SETTLE_MS)
  const megabytes = await residentMegabytesOf(pids)
  await daemon.stop()
  return megabytes
}
