// How many checkpoints a broker stores for members that wait for each of them, one after the other in every shard. The
// controller counts a checkpoint when it is durable.
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../../harness/connect.ts'
import { bars } from '../../bars.ts'
import { monotonicMs } from '../../harness/clock.ts'
import type { RunningDaemon } from '../../harness/daemon.ts'
import { within } from '../../harness/deadline.ts'
import { scrape } from '../../harness/scrape.ts'
import type { Part } from '../../report/part.ts'
import type { Bench } from '../../scenario.ts'
import { fillStream, untilGroup } from './stream.ts'

interface CheckpointsValues {
  readonly checkpointShards: number
  readonly checkpointMembers: number
  readonly checkpointRecords: number
}

const STREAM = 'bench'
const GROUP = 'checkpoints'
const RECORD_BYTES = 100
const PROCESSES = 2
const JOIN_DEADLINE_MS = 120_000
const END_DEADLINE_MS = 120_000

export async function measureCheckpoints(bench: Bench, values: CheckpointsValues): Promise<Part> {
  const { checkpointShards: shards, checkpointRecords: records } = values
  const membersOfProcess = Math.ceil(values.checkpointMembers / PROCESSES)
  const count = membersOfProcess * PROCESSES
  const daemon = await bench.startDaemon()
  const { url } = daemon
  await fillStream(bench, daemon, { stream: STREAM, shards, recordBytes: RECORD_BYTES, records })
  bench.say(`${count} members wait for checkpoints in ${shards} shards`)
  const loads = Array.from({ length: PROCESSES }, (_, index) =>
    bench.load('groupCheckpoints', {
      url,
      stream: STREAM,
      group: GROUP,
      prefix: `process-${index}`,
      members: membersOfProcess,
    }),
  )
  await Promise.race([untilShared(url, count), ...loads.map(({ result }) => result)])
  await delay(bench.warmUpSeconds * 1000)
  const perSecond = await storedPerSecond(daemon, bench.seconds)
  for (const load of loads) load.stop()
  const all = Promise.all(loads.map(({ result }) => result))
  const results = await within(END_DEADLINE_MS, 'ending the members', all)
  const answered = results.reduce((sum, { stored }) => sum + stored, 0)
  const stored = await checkpointsOf(daemon)
  if (answered > stored) throw new Error(`${answered} checkpoints were answered, and ${stored} stored`)
  await daemon.stop()
  const name = `${count} members, ${shards} shards`
  return {
    figures: [{ name, value: perSecond, unit: 'checkpoints/s', bar: bars.checkpoints }],
    latencies: [],
    notes: answered < records ? [] : [`${name}: all records were processed before the end.`],
  }
}

/** Fulfils when every member has shards, and every shard a member. */
async function untilShared(url: string, count: number): Promise<void> {
  await using client = await connect(url)
  await untilGroup(client, GROUP, 'shards for each member', JOIN_DEADLINE_MS, ({ members, shards }) => {
    const isEachBusy = members.length === count && members.every((member) => member.shards > 0)
    return isEachBusy && shards.every(({ memberId }) => memberId !== undefined)
  })
}

async function storedPerSecond(daemon: RunningDaemon, seconds: number): Promise<number> {
  const before = await checkpointsOf(daemon)
  const startedAt = monotonicMs()
  await delay(seconds * 1000)
  const after = await checkpointsOf(daemon)
  return (after - before) / ((monotonicMs() - startedAt) / 1000)
}

async function checkpointsOf({ adminUrl }: RunningDaemon): Promise<number> {
  return (await scrape(adminUrl)).sum('millrace_group_checkpoints_total')
}
