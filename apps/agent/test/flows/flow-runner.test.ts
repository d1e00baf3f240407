// What a flow tells the log while it runs.
import { expect, it } from 'vitest'
import type { FlowConfig } from '../../src/config/index.ts'
import { FlowRunner } from '../../src/flows/flow-runner.ts'
import type { Sender } from '../../src/send/sender.ts'
import { MemoryDisk } from '../files/support/memory-disk.ts'
import { ReadingAgent, TestClock } from '../files/support/reading-agent.ts'

const LOG = '/logs/app.log'
const config = {
  name: 'kinesis:clicks:/logs/app.log*',
  destination: { type: 'stream', name: 'clicks' },
  filePattern: '/logs/app.log*',
  initialPosition: 'START_OF_FILE',
  buffer: { ageMs: 0, records: 1, bytes: 1000 },
  queueCapacity: 2,
  partitionKeys: 'RANDOM',
  processing: [],
  dataBytesMax: 1000,
  truncationTerminator: '\n',
  skipHeaderLines: 0,
  pollMsMin: 100,
  refreshMsMax: 1000,
} as unknown as FlowConfig
const sender: Sender = {
  send: async () => {},
  resume: async () => {},
  check: async () => undefined,
  close: async () => {},
}

it('logs once which file is gone before it was read, and how much of it', async () => {
  const clock = new TestClock()
  const disk = new MemoryDisk(() => clock.ms++)
  disk.mkdir('/logs')
  disk.append(LOG, 'one\ntwo\n')
  const { positions } = await new ReadingAgent(disk, clock).start()
  disk.unlink(LOG)
  const logged: string[] = []
  const rim = { now: clock.now, monotonic: clock.monotonic, wait: clock.wait, random: () => 0 }
  const runner = new FlowRunner({
    config,
    positions,
    makeSender: () => sender,
    disk,
    rim,
    isOnce: false,
    standsAfterMs: 30_000,
    log: (level, message) => logged.push(`${level} ${message}`),
  })
  const over = AbortSignal.abort()
  await runner.run(over, new AbortController().signal)
  runner.look()
  runner.look()
  expect(logged).toHaveLength(1)
  expect(logged[0]).toMatch(
    /^error \/logs\/app\.log of kinesis:\S+: It was removed.* 8 bytes were not read\.$/,
  )
})

it('waits for as short as at first where it has delivered something since it began anew', async () => {
  const clock = new TestClock()
  const disk = new MemoryDisk(() => clock.ms++)
  disk.mkdir('/logs')
  disk.append(LOG, 'one\ntwo\nthree\n')
  const { positions } = await new ReadingAgent(disk, clock).start()
  const reading = new AbortController()
  const logged: string[] = []
  const sent: string[] = []
  let attempts = 0
  const runner = new FlowRunner({
    config: { ...config, queueCapacity: 1 },
    positions,
    makeSender: () => ({
      ...sender,
      send: async ({ records }) => {
        attempts++
        // The second record takes two attempts more than the others.
        if (![2, 5, 7].includes(attempts)) throw new Error('unforeseen')
        sent.push(...records.map(({ data }) => Buffer.from(data).toString()))
        if (sent.length === 3) reading.abort()
      },
    }),
    disk,
    rim: { now: clock.now, monotonic: clock.monotonic, wait: clock.wait, random: () => 0 },
    isOnce: false,
    standsAfterMs: 30_000,
    log: (_, message) => logged.push(/ in (\d+) ms/.exec(message)?.[1] ?? message),
  })
  await runner.run(reading.signal, new AbortController().signal)
  expect(sent).toEqual(['one\n', 'two\n', 'three\n'])
  expect(logged).toEqual(['1000', '1000', '2000', '1000'])
})
