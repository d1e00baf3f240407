// Memory of a broker beside sessions that ask for much and read nothing: once with the stream's newest batches in memory, as
// after they were appended, and once after a restart, with everything on disk.
import { connect } from '../../harness/connect.ts'
import { bars } from '../../bars.ts'
import type { RunningDaemon } from '../../harness/daemon.ts'
import { within } from '../../harness/deadline.ts'
import { processesOf, watchMemory } from '../../harness/memory.ts'
import { scrape } from '../../harness/scrape.ts'
import { type Figure, formatValue } from '../../report/figure.ts'
import type { Bench } from '../../scenario.ts'
import type { Part } from '../../report/part.ts'

interface NeverReadersValues {
  readonly readers: number
  readonly streamMegabytes: number
}

const STREAM = 'bench'
const SHARDS = 4
const RECORD_BYTES = 1024
const MIB_A_MEGABYTE = 1e6 / 1024 ** 2

const OPENING_DEADLINE_MS = 60_000
const SETTLING_DEADLINE_MS = 60_000
const END_DEADLINE_MS = 30_000
const FILL_DEADLINE_MS = 600_000

export async function measureNeverReaders(bench: Bench, values: NeverReadersValues): Promise<Part> {
  const daemon = await bench.startDaemon()
  await fill(bench, daemon, values.streamMegabytes)
  const fromMemory = await attack(bench, daemon, { ...values, from: 'memory' })
  await daemon.stop()
  const restarted = await daemon.startAgain()
  const fromDisk = await attack(bench, restarted, { ...values, from: 'disk' })
  await restarted.stop()
  return {
    figures: [...fromMemory.figures, ...fromDisk.figures],
    latencies: [],
    notes: [...fromMemory.notes, ...fromDisk.notes],
  }
}

async function fill(bench: Bench, { url }: RunningDaemon, megabytes: number): Promise<void> {
  bench.say(`storing ${megabytes} MB`)
  {
    await using client = await connect(url)
    await client.createStream(STREAM, { shards: SHARDS })
  }
  const records = Math.ceil((megabytes * 1e6) / RECORD_BYTES)
  const filling = bench.load('fill', { url, stream: STREAM, recordBytes: RECORD_BYTES, records })
  await within(FILL_DEADLINE_MS, 'filling the stream', filling.result)
}

async function attack(
  bench: Bench,
  daemon: RunningDaemon,
  { readers, from }: NeverReadersValues & { readonly from: string },
): Promise<Part> {
  // One client that does read, so that what the first reading costs does not count as growth.
  await within(FILL_DEADLINE_MS, 'reading the stream', readOnce(daemon.url))
  const pids = await processesOf(daemon)
  const quietMs = bench.seconds * 1000
  const before = await watchMemory(pids, { quietMs, deadlineMs: SETTLING_DEADLINE_MS })
  const cutBefore = await connectionsCut(daemon)
  bench.say(`${readers} sessions ask for the stream, from ${from}, and read nothing`)
  const settings = { url: daemon.url, stream: STREAM, sessions: readers, deadlineMs: OPENING_DEADLINE_MS }
  const crowd = bench.load('neverReaders', settings)
  const during = within(2 * OPENING_DEADLINE_MS, 'opening the sessions', crowd.ready)
  const after = await watchMemory(pids, { quietMs, deadlineMs: SETTLING_DEADLINE_MS, during })
  const cut = (await connectionsCut(daemon)) - cutBefore
  crowd.stop()
  const { greeted, reasons } = await within(END_DEADLINE_MS, 'closing the sessions', crowd.result)
  const growth = (megabytes: number) => (megabytes - before.lastMegabytes) * MIB_A_MEGABYTE
  const name = `${readers} never-readers, from ${from}`
  const figures: readonly Figure[] = [
    {
      name: `${name}: growth at most`,
      value: growth(after.mostMegabytes),
      unit: 'MiB',
      bar: bars.neverReaders,
    },
    { name: `${name}: growth when settled`, value: growth(after.lastMegabytes), unit: 'MiB' },
    { name: `${name}: sessions opened`, value: greeted, unit: 'connections' },
    { name: `${name}: sessions cut`, value: cut, unit: 'connections' },
  ]
  const notes = [
    `${name}: ${formatValue(before.lastMegabytes * MIB_A_MEGABYTE, 'MiB')} before${after.hasSettled ? '' : '; memory had not settled'}.`,
    ...(greeted < readers ? [`${name}: not opened: ${JSON.stringify(reasons)}`] : []),
  ]
  return { figures, latencies: [], notes }
}

/** Connections that this broker ended by itself. */
async function connectionsCut({ adminUrl }: RunningDaemon): Promise<number> {
  const metrics = await scrape(adminUrl)
  const closed = 'millrace_connections_closed_total'
  return metrics.sum(closed) - metrics.sum(closed, { reason: 'clientLeft' })
}

async function readOnce(url: string): Promise<void> {
  await using client = await connect(url)
  for await (const _batch of client.read(STREAM).batches());
}
