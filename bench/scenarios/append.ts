// Scenario: one producer process appends as fast as acknowledgements allow, over record sizes × batch sizes × shards.
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { measureDisk, measureLoopback, measureRawLmdb } from '../limits/limits.ts'
import { type Bar, type Figure, type LatencyCurve, ratioTo } from '../report/figure.ts'
import { scenario } from '../scenario.ts'

const SMALL_RECORD_BYTES = 100
const KIB_RECORD_BYTES = 1024
/** Batches that the client keeps in flight to one host; raw lmdb-js is measured with the same number. */
const IN_FLIGHT = 8

export const appendScenario = scenario({
  name: 'append',
  doc: 'one producer process appends as fast as acknowledgements allow',
  settings: {
    recordBytes: { default: [SMALL_RECORD_BYTES, KIB_RECORD_BYTES], doc: 'data of each record' },
    batchBytes: { default: [262_144], doc: 'size at which a batch is full' },
    shards: { default: [4], doc: 'shards of the stream' },
    encrypted: { default: [0], doc: '1 for records that the producer encrypts, 0 for others' },
  },
  examples: [
    '',
    '--record-bytes 100 --batch-bytes 16Ki,64Ki,256Ki',
    '--record-bytes 1Ki --shards 1,16',
    '--record-bytes 100 --encrypted 0,1,0,1',
  ],
  async run(bench, values) {
    const disk = await measureDisk(bench)
    const loopback = await measureLoopback(bench)
    const figures: Figure[] = []
    const latencies: LatencyCurve[] = [{ name: 'fdatasync, 4 KiB', summary: disk.flush }]
    for (const batchBytes of values.batchBytes) {
      const { megabytesPerSecond: raw } = await measureRawLmdb(bench, {
        bytes: batchBytes,
        inFlight: IN_FLIGHT,
      })
      for (const shards of values.shards) {
        for (const [recordBytes, encrypted] of pairsOf(values.recordBytes, values.encrypted)) {
          const secrecy = encrypted === 1 ? ', encrypted' : ''
          const name = `${recordBytes} B × ${batchBytes / 1024} KiB batches, ${shards} shards${secrecy}`
          bench.say(`appending ${name}`)
          const result = await appendTo(bench, {
            recordBytes,
            batchBytes,
            shards,
            isEncrypted: encrypted === 1,
          })
          const { recordsPerSecond, megabytesPerSecond } = result
          const machine = [
            ratioTo('raw lmdb-js', megabytesPerSecond, raw),
            ratioTo('loopback TCP', megabytesPerSecond, loopback),
          ]
          figures.push(
            {
              name,
              value: recordsPerSecond,
              unit: 'records/s',
              ...barOf(encrypted === 1 ? undefined : smallBar(recordBytes)),
            },
            {
              name,
              value: megabytesPerSecond,
              unit: 'MB/s',
              ratios: machine,
              ...barOf(encrypted === 1 ? undefined : kibBar(recordBytes, raw)),
            },
          )
          latencies.push({ name: `acknowledgement, ${name}`, summary: mergeLatencies([result.latencies]) })
        }
      }
    }
    const notes = [
      'Acknowledgement latency is of a closed loop and includes the wait in the full buffer of the producer.',
    ]
    return [
      { scenario: 'append', figures, latencies, settings: { ...values, seconds: bench.seconds }, notes },
    ]
  },
})

/** Measures with a new broker, so that no measurement is slowed by what another left on the disk. */
export async function appendTo(
  bench: Parameters<typeof appendScenario.run>[0],
  point: {
    readonly recordBytes: number
    readonly batchBytes: number
    readonly shards: number
    readonly isEncrypted?: boolean
  },
) {
  const daemon = await bench.startDaemon()
  await using client = await connect(daemon.url)
  await client.createStream('bench', { shards: point.shards })
  const { seconds, warmUpSeconds } = bench
  const { recordBytes, batchBytes, isEncrypted = false } = point
  const load = bench.load('append', {
    url: daemon.url,
    stream: 'bench',
    recordBytes,
    batchBytes,
    isEncrypted,
    seconds,
    warmUpSeconds,
  })
  const result = await load.result
  await daemon.stop()
  return result
}

/** Each of the first with each of the second. */
function pairsOf(first: readonly number[], second: readonly number[]): [number, number][] {
  return first.flatMap((one) => second.map((other): [number, number] => [one, other]))
}

const smallBar = (recordBytes: number) => (recordBytes === SMALL_RECORD_BYTES ? bars.smallAppends : undefined)
const kibBar = (recordBytes: number, raw: number) =>
  recordBytes === KIB_RECORD_BYTES ? bars.kibAppends(raw) : undefined
const barOf = (bar: Bar | undefined) => (bar ? { bar } : {})
