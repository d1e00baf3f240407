// A crash at any step stores each line once: flows run in this process over real files and a real broker, and end at a step of the journal or
// of the sender, before it or after it, without another word. The next run finishes what is in doubt.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../../../../test/support/daemon.ts'
import { agentConfig, type FlowConfig } from '../../src/config/index.ts'
import { nodeDisk } from '../../src/files/disk.ts'
import { FlowRunner } from '../../src/flows/flow-runner.ts'
import type { FlowPositions } from '../../src/positions/flow-positions.ts'
import { Positions } from '../../src/positions/positions.ts'
import { worldRim } from '../../src/rim.ts'
import { BrokerSender } from '../../src/send/broker-sender.ts'
import type { Sender, SendOptions } from '../../src/send/sender.ts'
import { differences, linesOf, nothing, numbered } from '../support/stream-lines.ts'

/** Where the process may end. */
const steps = [
  'before prepared',
  'after prepared',
  'after sent',
  'before confirmed',
  'after confirmed',
] as const
type Step = (typeof steps)[number]

class Crash extends Error {}

/** Ends at the n-th time that a step is reached; from then on nothing more happens. */
class CrashPoint {
  readonly #step: Step | undefined
  #left: number
  readonly crashed = new AbortController()

  constructor(step: Step | undefined, left: number) {
    this.#step = step
    this.#left = left
  }

  reach(step: Step): void {
    if (this.crashed.signal.aborted) throw new Crash()
    if (step !== this.#step || this.#left-- > 0) return
    this.crashed.abort()
    throw new Crash()
  }
}

function crashingPositions(positions: FlowPositions, point: CrashPoint): FlowPositions {
  const around =
    (name: 'prepared' | 'confirmed', work: (...args: never[]) => Promise<void>) =>
    async (...args: never[]): Promise<void> => {
      point.reach(`before ${name}`)
      await work(...args)
      point.reach(`after ${name}`)
    }
  return new Proxy(positions, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const bound = value.bind(target) as (...args: never[]) => Promise<void>
      return name === 'prepared' || name === 'confirmed' ? around(name, bound) : bound
    },
  })
}

function crashingSender(sender: Sender, point: CrashPoint): Sender {
  const around = async (work: () => Promise<void>): Promise<void> => {
    await work()
    point.reach('after sent')
  }
  return {
    send: (chunk, options: SendOptions) => around(() => sender.send(chunk, options)),
    resume: (plan, chunk, options) => around(() => sender.resume(plan, chunk, options)),
    check: (signal) => sender.check(signal),
    close: () => sender.close(),
  }
}

let daemon: TestDaemon
let client: Client
let folder: string
beforeAll(async () => {
  daemon = await TestDaemon.start()
  client = await connect(daemon.url)
  folder = await mkdtemp(join(tmpdir(), 'millrace-agent-'))
})
afterAll(async () => {
  await client.close()
  await daemon[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

interface Life {
  readonly directory: string
  readonly stream: string
  readonly point: CrashPoint
  readonly keys?: string
  readonly records?: number
}

function flowOf(directory: string, stream: string, keys: string, more: object = {}): FlowConfig {
  const flow = {
    filePattern: join(directory, '*.log'),
    kinesisStream: stream,
    maxBufferSizeRecords: 25,
    publishQueueCapacity: 4,
    partitionKeyOption: keys,
    dataProcessingOptions: [{ optionName: 'SINGLELINE' }],
    ...more,
  }
  return agentConfig({ file: '/agent.json', text: JSON.stringify({ flows: [flow] }) }, []).flows[0]!
}

/** One life of an agent that reads what is there: to its end, or to the crash. */
async function live({ directory, stream, point, keys = 'RANDOM', records = 25 }: Life): Promise<void> {
  const config = flowOf(directory, stream, keys, { maxBufferSizeRecords: records })
  // A client of its own, which goes with the process.
  const own = await connect(daemon.url)
  const positions = await Positions.open(join(directory, 'state'), { timeToLiveDays: 7, now: Date.now })
  const runner = new FlowRunner({
    config,
    positions: crashingPositions(positions.flow(config.name), point),
    makeSender: (events) =>
      crashingSender(
        new BrokerSender({
          client: () => Promise.resolve(own),
          destination: { type: 'stream', name: stream },
          createsStreams: true,
          events,
          onCreated() {},
        }),
        point,
      ),
    disk: nodeDisk,
    rim: worldRim,
    isOnce: true,
    standsAfterMs: 30_000,
    log: () => {},
  })
  await runner.run(point.crashed.signal, point.crashed.signal).catch((error: unknown) => {
    if (!point.crashed.signal.aborted) throw error
  })
  await own.close().catch(() => {})
  await positions.close()
}

describe('a crash of the agent', () => {
  for (const step of steps) {
    for (const after of [0, 1, 5]) {
      it(`${step}, the ${after + 1}. time: each line is stored once`, async () => {
        const name = `${step.replace(' ', '-')}-${after}`
        const directory = await mkdtemp(join(folder, 'run-'))
        await client.createStream(name, { shards: 2 })
        const lines = [numbered(0, 200, 'a'), numbered(0, 200, 'b')]
        await writeFile(join(directory, 'a.log'), lines[0]!.join(''))
        await writeFile(join(directory, 'b.log'), lines[1]!.join(''))
        const point = new CrashPoint(step, after)
        await live({ directory, stream: name, point, keys: after === 1 ? 'DETERMINISTIC' : 'RANDOM' })
        expect(point.crashed.signal.aborted).toBe(true)
        const more = numbered(200, 50, 'a')
        await appendFile(join(directory, 'a.log'), more.join(''))
        await live({ directory, stream: name, point: new CrashPoint(undefined, 0) })
        expect(differences([...lines.flat(), ...more], await linesOf(client, name))).toEqual(nothing)
      })
    }
  }

  it('again and again, at another step each time, while the stream is split: each line is stored once', async () => {
    const directory = await mkdtemp(join(folder, 'run-'))
    await client.createStream('often', { shards: 1 })
    const lines: string[] = []
    for (const [round, step] of [...steps, ...steps].entries()) {
      const added = numbered(round * 300, 300)
      lines.push(...added)
      await appendFile(join(directory, 'a.log'), added.join(''))
      await live({ directory, stream: 'often', point: new CrashPoint(step, round % 3) })
      if (round % 3 === 1) await client.updateShardCount('often', 2 + round)
    }
    await live({ directory, stream: 'often', point: new CrashPoint(undefined, 0) })
    expect(differences(lines, await linesOf(client, 'often'))).toEqual(nothing)
  })

  it('is none where something unforeseen fails: the flow says so, begins anew, and stores each line once', async () => {
    const directory = await mkdtemp(join(folder, 'run-'))
    const lines = numbered(0, 200)
    await writeFile(join(directory, 'a.log'), lines.join(''))
    const said: string[] = []
    let isFull = true
    const reading = new AbortController()
    const positions = await Positions.open(join(directory, 'state'), { timeToLiveDays: 7, now: Date.now })
    const config = flowOf(directory, 'unforeseen', 'RANDOM', {
      initialPosition: 'START_OF_FILE',
      maxBufferAgeMillis: 0,
    })
    const full = new Proxy(positions.flow(config.name), {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        const bound = value.bind(target) as (...args: never[]) => Promise<void>
        if (name !== 'prepared') return bound
        return (...args: never[]) =>
          isFull ? Promise.reject(new Error('ENOSPC: no space left on device')) : bound(...args)
      },
    })
    const runner = new FlowRunner({
      config,
      positions: full,
      makeSender: (events) =>
        new BrokerSender({
          client: () => Promise.resolve(client),
          destination: { type: 'stream', name: 'unforeseen' },
          createsStreams: true,
          events,
          onCreated() {},
        }),
      disk: nodeDisk,
      // No time passes between attempts.
      rim: { ...worldRim, wait: (ms, signal) => worldRim.wait(Math.min(ms, 20), signal) },
      isOnce: false,
      standsAfterMs: 30_000,
      log: (level, message) => said.push(`${level}: ${message}`),
    })
    const running = runner.run(reading.signal, new AbortController().signal)
    await expect.poll(() => runner.snapshot().state).toBe('failed')
    expect(runner.snapshot()).toMatchObject({ reason: 'ENOSPC: no space left on device' })
    isFull = false
    await expect.poll(() => linesOf(client, 'unforeseen').catch(() => [])).toHaveLength(200)
    reading.abort()
    await running
    await positions.close()
    expect(said[0]).toMatch(/^error: The flow kinesis:unforeseen:.* begins anew in 1000 ms: ENOSPC/)
    expect(differences(lines, await linesOf(client, 'unforeseen'))).toEqual(nothing)
  })

  it('of a line that is larger than a buffer stores it once', async () => {
    const directory = await mkdtemp(join(folder, 'run-'))
    const lines = ['small\n', `${'x'.repeat(3_000_000)}\n`, 'after\n']
    await writeFile(join(directory, 'a.log'), lines.join(''))
    await client.createStream('large', { shards: 1 })
    await live({ directory, stream: 'large', point: new CrashPoint('after sent', 0), records: 50_000 })
    await live({ directory, stream: 'large', point: new CrashPoint(undefined, 0), records: 50_000 })
    expect(differences(lines, await linesOf(client, 'large'))).toEqual(nothing)
  })
})
