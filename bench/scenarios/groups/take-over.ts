// How long the shards of a member that is killed stand still, while records come in.
import { connect } from '../../harness/connect.ts'
import { bars } from '../../bars.ts'
import { monotonicMs } from '../../harness/clock.ts'
import type { RunningDaemon } from '../../harness/daemon.ts'
import { within } from '../../harness/deadline.ts'
import { LatencyRecorder } from '../../harness/latency.ts'
import type { Part } from '../../report/part.ts'
import type { Bench } from '../../scenario.ts'

export interface MovingValues {
  readonly movingShards: number
  readonly movingPerSecond: number
  readonly leaseMs: number
}

const STREAM = 'bench'
const RECORD_BYTES = 100
const JOIN_DEADLINE_MS = 120_000
const TAKE_OVER_DEADLINE_MS = 60_000
const END_DEADLINE_MS = 60_000

export async function measureTakeOver(
  bench: Bench,
  values: MovingValues & { readonly takeOvers: number },
): Promise<Part> {
  const { movingShards, movingPerSecond: perSecond, takeOvers, leaseMs } = values
  const daemon = await bench.startDaemon()
  const { url } = daemon
  {
    await using client = await connect(url)
    await client.createStream(STREAM, { shards: movingShards })
  }
  const feed = bench.load('steady', {
    url,
    stream: STREAM,
    recordBytes: RECORD_BYTES,
    perSecond,
    seconds: Infinity,
  })
  const times: number[] = []
  for (let round = 0; round < takeOvers; round++) {
    bench.say(`a member is killed, whose leases last ${leaseMs} ms`)
    times.push(...(await takeOver(bench, daemon, { ...values, group: `take-over-${round}` })))
  }
  feed.stop()
  await within(END_DEADLINE_MS, 'ending the records', feed.result)
  await daemon.stop()
  const name = 'take-over of a killed member'
  const recorder = new LatencyRecorder()
  for (const ms of times) recorder.record(ms)
  // Without a shard that was taken over there is no figure.
  const worstMs = times.length === 0 ? Number.NaN : Math.max(...times)
  return {
    figures: [{ name: `${name}: worst`, value: worstMs, unit: 'ms', bar: bars.takeOver(leaseMs) }],
    latencies: [{ name, summary: recorder.summary() }],
    notes: [],
  }
}

/** For each shard of the killed member, the time until another member had a record of it. */
async function takeOver(
  bench: Bench,
  { url }: RunningDaemon,
  { movingShards, leaseMs, group }: MovingValues & { readonly group: string },
): Promise<readonly number[]> {
  const common = { url, stream: STREAM, group, leaseMs }
  const victim = bench.load('groupMember', {
    ...common,
    memberId: 'victim',
    shards: movingShards,
    shardsAtEnd: Infinity,
  })
  await within(JOIN_DEADLINE_MS, 'the first member', victim.ready)
  const heir = bench.load('groupMember', {
    ...common,
    memberId: 'heir',
    shards: Math.floor(movingShards / 2),
    shardsAtEnd: movingShards,
  })
  await within(JOIN_DEADLINE_MS, 'the second member', heir.ready)
  const killedAt = monotonicMs()
  victim.kill()
  const { firstAt } = await within(leaseMs + TAKE_OVER_DEADLINE_MS, 'the take-over', heir.result)
  return Object.values(firstAt).flatMap((at) => (at > killedAt ? [at - killedAt] : []))
}
