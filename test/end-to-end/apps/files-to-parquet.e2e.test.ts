// From files to Parquet on real processes: files rotated while the agent tails them, a stream that is split meanwhile, a function that
// filters and enriches, and two deliveries, read back by DuckDB. At enumerated steps one of the processes is killed, when what it does
// can be seen in its middle. In the end every record is in exactly one object.
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import { expect, it } from 'vitest'
import { differences, nothing } from '../../../apps/agent/test/support/stream-lines.ts'
import { RunningAgent } from '../../../apps/agent/test/support/running-agent.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'
import { duckdbRefusal, objectsIn, rowsIn } from '../../../apps/delivery/test/support/lake.ts'
import { expectedRows, flightColumns, flightLines, rowText } from './support/flights.ts'
import {
  killApp,
  killHosts,
  linesIn,
  makePipeline,
  recordsBefore,
  recordsIn,
  splitLargest,
  writeAgentConfig,
  type Lakes,
} from './support/pipeline.ts'
import { RotatedLog } from './support/rotated-log.ts'

const LINES_A_STEP = 1600

/** Only keeps what hangs from hanging for ever: all waiting ends by what is seen. */
const patience = { timeout: 300_000, interval: 20 }

const refusal = await duckdbRefusal()
if (refusal !== undefined) console.log(`Files to Parquet are not tried: ${refusal}`)

/** What a step can see and do. */
interface World {
  readonly client: Client
  readonly daemon: TestDaemon
  readonly log: RotatedLog
  /** Writes the next lines. */
  write(): void
  killAgent(): Promise<void>
  startAgent(): Promise<void>
}

/** What must have grown before a step acts: records of a stream, or objects of a delivery. */
type Growth = 'flights' | 'late' | 'json' | 'parquet'

interface Step {
  readonly does: string
  readonly when: Growth
  act(world: World): Promise<unknown>
}

const steps: readonly Step[] = [
  {
    does: 'the agent dies, and its file is renamed and written before it is back',
    when: 'flights',
    act: async ({ killAgent, log, write, startAgent }) => {
      await killAgent()
      log.rename()
      write()
      await startAgent()
    },
  },
  { does: 'the functions die', when: 'late', act: ({ daemon }) => killApp(daemon, 'functions') },
  { does: 'the deliveries die', when: 'json', act: ({ daemon }) => killApp(daemon, 'delivery') },
  {
    does: 'the stream is split, and its file copied and truncated',
    when: 'flights',
    act: async ({ client, log }) => {
      log.copyTruncate()
      await splitLargest(client, 'flights')
    },
  },
  { does: 'the host dies', when: 'flights', act: ({ daemon }) => killHosts(daemon) },
  {
    does: 'the deliveries die while the file is renamed',
    when: 'parquet',
    act: async ({ daemon, log }) => {
      log.rename()
      await killApp(daemon, 'delivery')
    },
  },
  {
    does: 'the whole daemon dies, and is started again',
    when: 'late',
    act: async ({ daemon }) => {
      await daemon.killAll(await daemon.hostPids())
      await daemon.restart()
    },
  },
  {
    does: 'both streams are split, and the functions die',
    when: 'late',
    act: async ({ client, daemon }) => {
      await splitLargest(client, 'flights')
      await killApp(daemon, 'functions')
      await splitLargest(client, 'late')
    },
  },
  {
    does: 'the controller alone dies, and is started again',
    when: 'parquet',
    act: async ({ daemon, log }) => {
      await daemon.killController()
      log.copyTruncate()
      await daemon.restart()
    },
  },
  {
    does: 'the agent and the host die, and the file is copied and truncated before the agent is back',
    when: 'flights',
    act: async ({ killAgent, daemon, log, write, startAgent }) => {
      await killAgent()
      await killHosts(daemon)
      log.copyTruncate()
      write()
      await startAgent()
    },
  },
]

it.skipIf(refusal !== undefined)(
  'every record of rotated files is in exactly one object, whoever is killed on its way',
  async () => {
    await using folder = await temporaryDirectory()
    await using daemon = await TestDaemon.start({ with: 'delivery,functions' })
    await using client = await connect(daemon.url)
    const lakes = { json: join(folder.path, 'json'), parquet: join(folder.path, 'parquet') }
    const config = await writeAgentConfig(folder.path)
    const log = new RotatedLog(join(folder.path, 'flights.log'))
    const pending = [...flightLines]
    const write = (): void => log.append(pending.splice(0, LINES_A_STEP))
    write()
    let agent = await RunningAgent.start(config, daemon.url)
    const groups = await makePipeline({ url: daemon.url, folder: folder.path, lakes })
    const world: World = {
      client,
      daemon,
      log,
      write,
      killAgent: () => agent.kill(),
      startAgent: async () => void (agent = await RunningAgent.start(config, daemon.url)),
    }
    const sizeOf: Record<Growth, () => Promise<number>> = {
      flights: () => recordsIn(client, 'flights'),
      late: () => recordsIn(client, 'late'),
      json: async () => (await objectsIn(lakes.json, '.gz')).length,
      parquet: async () => (await objectsIn(lakes.parquet, '.parquet')).length,
    }
    try {
      for (const { does, when, act } of steps) {
        const before = await sizeOf[when]()
        write()
        await expect.poll(sizeOf[when], { message: does, ...patience }).toBeGreaterThan(before)
        await act(world)
      }
      while (pending.length > 0) write()
      await expect.poll(sizeOf.flights, patience).toBeGreaterThanOrEqual(flightLines.length)
      // In the order of the way: nothing comes behind a group whose source has ended and which is at its end.
      for (const group of groups) {
        await expect.poll(() => recordsBefore(client, group), { message: group, ...patience }).toBe(0)
      }
      const { flows } = await agent.status()
      expect(flows[0]!.tally.chunksLost).toBe(0)
      expect((await agent.interrupt()).code).toBe(0)
    } finally {
      await agent.kill()
    }
    expect(differences(flightLines, await linesIn(client, 'flights'))).toEqual(nothing)
    await expectEachRowOnce(lakes)
  },
)

/** Holds what DuckDB reads from the objects against what the flights must become, as often as each is there. */
async function expectEachRowOnce(lakes: Lakes): Promise<void> {
  const expected = expectedRows()
  for (const [lake, extension] of [
    [lakes.json, '.gz'],
    [lakes.parquet, '.parquet'],
  ] as const) {
    const rows = await rowsIn(lake, extension, flightColumns)
    const texts = rows.map(({ values }) => rowText(values))
    expect(differences(expected, texts)).toEqual(nothing)
    const astray = rows.filter(
      ({ object, values }) => !object.startsWith(join(lake, `lateness=${String(values['lateness'])}/`)),
    )
    expect(astray).toEqual([])
  }
}
