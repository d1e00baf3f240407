// Tests produceRecords against the fake broker: the outcome of each record after an interruption, a throttle or a refusal.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connect } from '../../client/index.ts'
import { produceRecords, type ProduceOutcome, type ProduceTask } from '../../cli/produce-records.ts'
import { driven, fakeTime, pass } from '../client/support/drive.ts'
import { FakeBroker } from '../client/support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const KiB = 1024
const record = { partitionKey: 'ada', data: Buffer.alloc(KiB) }

/** Produces a number of records from one piece of input, which ends unless it is `endless`. */
function producing(broker: FakeBroker, count: number, { endless = false } = {}) {
  const interruption = new AbortController()
  const told = { delays: [] as string[], draining: [] as number[] }
  const task: ProduceTask = {
    stream: 'clicks',
    inputs: {
      sources: [{ name: 'a test', chunks: (async function* () {})() }],
      totalBytes: 0,
      bytesRead: () => 0,
    },
    async *read() {
      yield Array.from({ length: count }, () => record)
      if (endless) await new Promise((resolve) => interruption.signal.addEventListener('abort', resolve))
    },
    interrupted: interruption.signal,
    skipInvalid: false,
    batchBytes: 4 * KiB,
    lingerMs: 0,
    compression: 'none',
    drainMs: 5000,
    onProgress() {},
    onRefused() {},
    onDelayed: ({ code }, { shardId, delayMs }) => {
      expect(delayMs).toBeGreaterThan(0)
      told.delays.push(`${shardId} ${code}`)
    },
    onDraining: (records) => told.draining.push(records),
  }
  const produce = async (): Promise<ProduceOutcome> => {
    await using client = await connect('millrace://fake', { dial: broker.dial })
    return await produceRecords(client, task)
  }
  return { outcome: produce(), told, interrupt: () => interruption.abort() }
}

/** Takes so many bytes a second. */
function limited(bytesPerSecond: number): FakeBroker {
  const broker = new FakeBroker()
  broker.shards[0]!.limitTo({ writeBytesPerSecond: bytesPerSecond })
  return broker
}

it('produceRecords: tells which shard makes it wait, and stores everything in the end', async () => {
  const { outcome, told } = producing(limited(16 * KiB), 100)
  await expect(driven(outcome)).resolves.toMatchObject({
    records: 100,
    unacknowledged: 0,
    isComplete: true,
    failure: undefined,
  })
  expect(told.delays.length).toBeGreaterThan(2)
  expect(new Set(told.delays)).toEqual(new Set(['shardId-000000000000 provisionedThroughputExceeded']))
})

it('produceRecords: if interrupted, stores what was read within its time, and is not complete', async () => {
  const { outcome, told, interrupt } = producing(limited(16 * KiB), 60, { endless: true })
  await pass(1000)
  interrupt()
  await expect(driven(outcome)).resolves.toMatchObject({
    records: 60,
    unacknowledged: 0,
    isComplete: false,
    failure: undefined,
  })
  expect(told.draining).toHaveLength(1)
  expect(told.draining[0]).toBeGreaterThan(0)
})

it('produceRecords: if interrupted after everything was read, is complete when everything is stored', async () => {
  const { outcome, interrupt } = producing(limited(16 * KiB), 60)
  await pass(1000)
  interrupt()
  await expect(driven(outcome)).resolves.toMatchObject({ unacknowledged: 0, isComplete: true })
})

it('produceRecords: gives up when the time is over, and counts what was acknowledged and what was not', async () => {
  const broker = limited(16 * KiB)
  const { outcome, interrupt } = producing(broker, 1000)
  await pass(1000)
  interrupt()
  const result = await driven(outcome, { limitMs: 6000 })
  expect(result).toMatchObject({ isComplete: true, failure: undefined })
  expect(result.records).toBe(broker.recordsOf(0).length)
  expect(result.unacknowledged).toBe(1000 - result.records)
})

it('produceRecords: gives up when the time is over, however long the input had waited for room', async () => {
  const broker = new FakeBroker()
  broker.disturb = ({ operation }) => (operation === 'append' ? { refuse: 'storageFull' } : 'none')
  const { outcome, interrupt } = producing(broker, 40 * KiB)
  await pass(1000)
  interrupt()
  const result = await driven(outcome, { limitMs: 6000 })
  // Half of the buffer was read, and no further record after the interruption.
  expect(result).toMatchObject({ records: 0, isComplete: false, failure: undefined })
  expect(result.unacknowledged).toBeGreaterThan(15 * KiB)
  expect(result.unacknowledged).toBeLessThan(17 * KiB)
})

it('produceRecords: counts what was not acknowledged if records are refused for good', async () => {
  const broker = new FakeBroker()
  broker.disturb = ({ operation }) =>
    operation === 'append' ? { refuseBatch: () => 'invalidBatch' } : 'none'
  const { outcome } = producing(broker, 3)
  await expect(driven(outcome)).resolves.toMatchObject({
    records: 0,
    unacknowledged: 3,
    failure: { code: 'invalidBatch' },
  })
})
