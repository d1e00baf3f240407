// Scenario: the Kinesis API by the JavaScript SDK of AWS: against other servers of the API in the same run, and against the
// native protocol. Every acknowledgement of ours is flushed; the others keep what they are given in memory.
import { installPeers, peers, startPeer, type PeerName, type RunningServer } from './peers.ts'
import { startDoor } from './door.ts'
import { bars } from '../bars.ts'
import { connect } from '../harness/connect.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { medianOf } from '../harness/median.ts'
import type { Caller } from '../load/kinesis/sdk.ts'
import type { Figure, LatencyCurve } from '../report/figure.ts'
import { scenario, type Bench, type ValuesOf } from '../scenario.ts'

const settings = {
  recordBytes: { default: 100, doc: 'data of each record' },
  requestRecords: { default: 500, doc: 'records of one PutRecords' },
  batchers: { default: 4, doc: 'callers of PutRecords at a time' },
  callers: { default: 64, doc: 'callers of PutRecord at a time' },
  rate: { default: 100, doc: 'records a second that are pushed' },
  stored: { default: 200_000, doc: 'records that are read by GetRecords' },
  shards: { default: 4, doc: 'shards of the streams' },
  rounds: { default: 3, doc: 'measurements of PutRecords by each server, in turns' },
  peers: { default: 1, doc: '0 to leave the other servers out, which npm installs' },
} as const

type Values = ValuesOf<typeof settings>

interface Measured {
  readonly figures: readonly Figure[]
  readonly latencies: readonly LatencyCurve[]
}

export const kinesisScenario = scenario({
  name: 'kinesis',
  doc: 'the Kinesis API by the JavaScript SDK, against kinesalite and kinesis-local, and against the native protocol',
  settings,
  examples: ['', '--peers 0', '--rounds 5 --request-records 100'],
  async run(bench, values) {
    const parts = [
      await measurePutRecords(bench, values),
      await measurePuts(bench, values),
      await measurePush(bench, values),
      await measureReads(bench, values),
    ]
    return [
      {
        scenario: 'kinesis',
        figures: parts.flatMap((part) => part.figures),
        latencies: parts.flatMap((part) => part.latencies),
        settings: { ...values, seconds: bench.seconds },
        notes: [
          'PutRecords: medians of the rounds. The other servers speak HTTP/1.1 only; ratios to them are of HTTP/1.1 on both sides.',
          'The SDK shares the cores with what it calls, and takes most of them.',
        ],
      },
    ]
  },
})

type ServerName = 'millrace' | PeerName
const peerNames = Object.keys(peers) as PeerName[]

/** PutRecords by each server in turns, so that a machine that changes meanwhile changes all; then the native producer. */
async function measurePutRecords(bench: Bench, values: Values): Promise<Measured> {
  const directory = values.peers === 0 ? '' : await installPeers(bench)
  const rates = new Map<string, number[]>()
  const take = (name: string, rate: number) => rates.set(name, [...(rates.get(name) ?? []), rate])
  const names: readonly ServerName[] = values.peers === 0 ? ['millrace'] : ['millrace', ...peerNames]
  for (let round = 1; round <= values.rounds; round++) {
    for (const name of names) {
      for (const http of name === 'millrace' ? (['http/1.1', 'h2c'] as const) : (['http/1.1'] as const)) {
        bench.say(`PutRecords: ${name} by ${http}, round ${round}`)
        const server: RunningServer =
          name === 'millrace' ? await startDoor(bench) : await startPeer(name, directory)
        try {
          const { recordsPerSecond } = await putBy(bench, server, http, {
            ...values,
            callers: values.batchers,
          })
          take(`${name}, ${http}`, recordsPerSecond)
        } finally {
          await server.stop()
        }
      }
    }
    bench.say(`PutRecords: the native producer, round ${round}`)
    take('native', await nativeRate(bench, values))
  }
  const rateOf = (name: string): number => medianOf(rates.get(name)!)
  const figures: Figure[] = [...rates.keys()].map((name) => ({
    name: name === 'native' ? 'native producer' : `PutRecords, ${name}`,
    value: rateOf(name),
    unit: 'records/s',
  }))
  for (const peer of values.peers === 0 ? [] : peerNames) {
    figures.push({
      name: `PutRecords, of ${peer}`,
      value: rateOf('millrace, http/1.1') / rateOf(`${peer}, http/1.1`),
      unit: 'x',
      bar: bars.kinesisOfPeer[peer],
    })
  }
  figures.push({
    name: 'native producer, of PutRecords by h2c',
    value: rateOf('native') / rateOf('millrace, h2c'),
    unit: 'x',
  })
  return { figures, latencies: [] }
}

function putBy(
  bench: Bench,
  server: RunningServer,
  by: Caller,
  values: Pick<Values, 'shards' | 'recordBytes' | 'requestRecords' | 'callers'>,
) {
  const { shards, recordBytes, requestRecords, callers } = values
  const { seconds, warmUpSeconds } = bench
  const target = { endpoint: server.endpoint, by, stream: 'bench', shards }
  return bench.load('kinesisPut', {
    ...target,
    recordBytes,
    requestRecords,
    callers,
    seconds,
    warmUpSeconds,
  }).result
}

/** One native producer with the same records and shards. */
async function nativeRate(bench: Bench, values: Values): Promise<number> {
  const daemon = await bench.startDaemon({ isSecure: false })
  await using client = await connect(daemon.url)
  await client.createStream('bench', { shards: values.shards })
  const { seconds, warmUpSeconds } = bench
  const { recordBytes, requestRecords } = values
  const batchBytes = recordBytes * requestRecords
  const load = bench.load('append', {
    url: daemon.url,
    stream: 'bench',
    recordBytes,
    batchBytes,
    seconds,
    warmUpSeconds,
  })
  const { recordsPerSecond } = await load.result
  await daemon.stop()
  return recordsPerSecond
}

const callerNames: Readonly<Record<Caller, string>> = {
  bare: 'bare HTTP/1.1',
  'http/1.1': 'the SDK by HTTP/1.1',
  h2c: 'the SDK as it comes',
}

/** PutRecord from many callers, and unbatched native puts from as many connections. */
async function measurePuts(bench: Bench, values: Values): Promise<Measured> {
  const { callers, recordBytes, shards } = values
  const figures: Figure[] = []
  const latencies: LatencyCurve[] = []
  for (const by of ['bare', 'http/1.1', 'h2c'] as const) {
    const door = await startDoor(bench)
    const name = `PutRecord, ${callerNames[by]}`
    bench.say(`${name}, from ${callers} callers`)
    const put = await putBy(bench, door, by, { ...values, requestRecords: 1 })
    await door.stop()
    // The SDK takes most of the cores, and opens a connection for each request as it comes: the bar is the server's.
    const bar = by === 'bare' ? { bar: bars.kinesisPuts } : {}
    figures.push({ name, value: put.recordsPerSecond, unit: 'puts/s', ...bar })
    latencies.push({ name, summary: mergeLatencies([put.latencies]) })
  }
  const door = await startDoor(bench)
  bench.say(`native puts from ${callers} connections`)
  await using client = await connect(door.url)
  await client.createStream('native', { shards })
  const { seconds, warmUpSeconds } = bench
  const load = { url: door.url, stream: 'native', recordBytes, connections: callers }
  const native = await bench.load('put', { ...load, seconds, warmUpSeconds }).result
  await door.stop()
  figures.push({ name: `native puts, ${callers} connections`, value: native.putsPerSecond, unit: 'puts/s' })
  latencies.push({ name: 'native put', summary: mergeLatencies([native.latencies]) })
  return { figures, latencies }
}

async function measurePush(bench: Bench, values: Values): Promise<Measured> {
  const door = await startDoor(bench)
  const { rate: perSecond, recordBytes } = values
  const { seconds, warmUpSeconds } = bench
  bench.say(`SubscribeToShard at ${perSecond} records a second`)
  const { pushed } = await bench.load('kinesisSubscribe', {
    endpoint: door.endpoint,
    http: 'h2c',
    stream: 'bench',
    recordBytes,
    perSecond,
    seconds,
    warmUpSeconds,
  }).result
  await door.stop()
  const summary = mergeLatencies([pushed])
  return {
    figures: [
      { name: 'SubscribeToShard p50', value: summary.p50Ms, unit: 'ms', bar: bars.kinesisPushP50 },
      { name: 'SubscribeToShard p99', value: summary.p99Ms, unit: 'ms' },
    ],
    latencies: [{ name: 'SubscribeToShard', summary }],
  }
}

/** GetRecords by one process, and a native reader of the same stream. */
async function measureReads(bench: Bench, values: Values): Promise<Measured> {
  const door = await startDoor(bench)
  const { recordBytes, stored: records, shards } = values
  await using client = await connect(door.url)
  await client.createStream('bench', { shards })
  await bench.load('fill', { url: door.url, stream: 'bench', recordBytes, records }).result
  const { seconds } = bench
  const stored = { stream: 'bench', records, seconds }
  const figures: Figure[] = []
  for (const by of ['bare', 'http/1.1', 'h2c'] as const) {
    bench.say(`GetRecords by one process, ${callerNames[by]}`)
    const read = await bench.load('kinesisRead', { endpoint: door.endpoint, by, ...stored }).result
    const bar = by === 'bare' ? { bar: bars.kinesisReads } : {}
    figures.push({
      name: `GetRecords, ${callerNames[by]}`,
      value: read.recordsPerSecond,
      unit: 'records/s',
      ...bar,
    })
  }
  const native = await bench.load('read', { url: door.url, by: 'record', ...stored }).result
  await door.stop()
  figures.push({ name: 'native reader', value: native.recordsPerSecond, unit: 'records/s' })
  return { figures, latencies: [] }
}
