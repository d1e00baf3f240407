// How many checkpoints a broker stores for members that wait for each of them, one after the other in every shard.
import { bars } from '../../bars.ts'
import { within } from '../../harness/deadline.ts'
import type { Part } from '../../report/part.ts'
import type { Bench } from '../../scenario.ts'
import { fillStream } from './stream.ts'

interface CheckpointsValues {
  readonly checkpointShards: number
  readonly checkpointMembers: number
  readonly checkpointRecords: number
}

const STREAM = 'bench'
const RECORD_BYTES = 100
const PROCESSES = 2
const END_DEADLINE_MS = 120_000

export async function measureCheckpoints(bench: Bench, values: CheckpointsValues): Promise<Part> {
  const { checkpointShards: shards, checkpointMembers, checkpointRecords: records } = values
  const { seconds, warmUpSeconds } = bench
  const daemon = await bench.startDaemon()
  const { url } = daemon
  await fillStream(bench, daemon, { stream: STREAM, shards, recordBytes: RECORD_BYTES, records })
  const members = Math.ceil(checkpointMembers / PROCESSES)
  bench.say(`${members * PROCESSES} members wait for checkpoints in ${shards} shards`)
  const loads = Array.from({ length: PROCESSES }, (_, index) =>
    bench.load('groupCheckpoints', {
      url,
      stream: STREAM,
      group: 'checkpoints',
      prefix: `process-${index}`,
      members,
      warmUpSeconds,
      seconds,
    }),
  )
  const deadlineMs = END_DEADLINE_MS + seconds * 1000
  const all = Promise.all(loads.map(({ result }) => result))
  const results = await within(deadlineMs, 'storing checkpoints', all)
  await daemon.stop()
  const stored = results.reduce((sum, result) => sum + result.stored, 0)
  const lasted = Math.max(...results.map((result) => result.seconds))
  const name = `${members * PROCESSES} members, ${shards} shards`
  return {
    figures: [
      { name, value: lasted > 0 ? stored / lasted : 0, unit: 'checkpoints/s', bar: bars.checkpoints },
    ],
    latencies: [],
    notes:
      lasted < seconds / 2 ? [`${name}: the records were all processed after ${lasted.toFixed(1)} s.`] : [],
  }
}
