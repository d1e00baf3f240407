// How soon a new client is served beside thousands of connections that say hello and nothing else: while they come, and when
// all have come. They come to controller and hosts in turn, from one address or from several.
import { CONTROLLER, parseUrl } from '../../../client/connecting/address.ts'
import { connect } from '../../harness/connect.ts'
import { bars } from '../../bars.ts'
import type { RunningDaemon } from '../../harness/daemon.ts'
import { within } from '../../harness/deadline.ts'
import { type LatencySummary, mergeLatencies } from '../../harness/latency.ts'
import type { NewcomersResult } from '../../load/hostile/newcomers.ts'
import type { Figure } from '../../report/figure.ts'
import type { Bench } from '../../scenario.ts'
import type { Part } from '../../report/part.ts'

interface HellosValues {
  readonly hellos: number
  readonly addresses: number
  readonly newcomers: number
}

const OPENING_DEADLINE_MS = 120_000
const CLIENT_DEADLINE_MS = 10_000
const END_DEADLINE_MS = 30_000

export async function measureHellos(bench: Bench, values: HellosValues): Promise<Part> {
  const { hellos, addresses: count, newcomers } = values
  const daemon = await bench.startDaemon()
  const from = `${count} address${count === 1 ? '' : 'es'}`
  bench.say(`${hellos} hellos from ${from}`)
  const { url } = daemon
  const clients = { url, deadlineMs: CLIENT_DEADLINE_MS }
  const early = bench.load('newcomers', { ...clients, streams: 'early', clients: Number.MAX_SAFE_INTEGER })
  const crowd = bench.load('hellos', {
    endpoints: await endpointsOf(daemon),
    hellos,
    addresses: addressesOf(count),
    deadlineMs: OPENING_DEADLINE_MS,
  })
  const open = await within(2 * OPENING_DEADLINE_MS, 'the hellos', crowd.ready)
  early.stop()
  const during = await within(END_DEADLINE_MS, 'new clients', early.result)
  bench.say(`  ${open} are open; ${newcomers} clients come`)
  const late = bench.load('newcomers', { ...clients, streams: 'late', clients: newcomers })
  const deadlineMs = END_DEADLINE_MS + 2 * newcomers * CLIENT_DEADLINE_MS
  const after = await within(deadlineMs, 'new clients', late.result)
  crowd.stop()
  const said = await within(END_DEADLINE_MS, 'closing the connections', crowd.result)
  await daemon.stop()
  const name = `${hellos} hellos from ${from}`
  const figures: readonly Figure[] = [
    { name: `${name}: answered`, value: said.greeted, unit: 'connections' },
    { name: `${name}: open in the end`, value: said.open, unit: 'connections' },
    ...figuresOf(`${name}: while they come`, during),
    ...figuresOf(`${name}: when they have come`, after),
  ]
  const latencies = [
    { name: `first answer while they come, ${from}`, summary: mergeLatencies([during.firstAnswers]) },
    { name: `first answer when they have come, ${from}`, summary: mergeLatencies([after.firstAnswers]) },
    { name: `connect, create, put and read, ${from}`, summary: mergeLatencies([after.wholes]) },
  ]
  const notes = [
    `${name}: ${said.dialled} dialled; ended or refused: ${JSON.stringify(said.reasons)}`,
    ...(said.lacksDescriptors ? [`${name}: the load ran out of files; it may open ${said.filesMax}`] : []),
    ...[...during.failures, ...after.failures].map((failure) => `${name}: a client failed: ${failure}`),
  ]
  return { figures, latencies, notes }
}

function figuresOf(name: string, { came, served, firstAnswers }: NewcomersResult): readonly Figure[] {
  const summary: LatencySummary = mergeLatencies([firstAnswers])
  return [
    { name: `${name}, clients served`, value: served, unit: 'clients', bar: bars.all(came) },
    { name: `${name}, first answer, p50`, value: summary.p50Ms, unit: 'ms' },
    { name: `${name}, first answer, worst`, value: summary.maxMs, unit: 'ms', bar: bars.newcomer },
  ]
}

async function endpointsOf({ url }: RunningDaemon) {
  await using client = await connect(url)
  const controller = parseUrl(url).addresses[0]!
  const { hosts } = await client.describeBroker()
  return [
    { ...controller, hostId: CONTROLLER },
    ...hosts.map(({ hostId, port }) => ({ hostId, port, host: controller.host })),
  ]
}

/** 127.0.0.2 and those after it: new clients come from 127.0.0.1. With one address, they share it with the crowd. */
function addressesOf(count: number): readonly string[] {
  if (count === 1) return ['127.0.0.1']
  return Array.from({ length: count }, (_, index) => `127.0.${(index + 2) >> 8}.${(index + 2) & 255}`)
}
