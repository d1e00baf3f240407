// When batches leave: at once where nothing is under way, full under load, together for all shards of a host, and no later than
// they are told to linger.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BatchAcknowledgement } from '../../../client/index.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { holdingAppends, producing } from './support/producing.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const KiB = 1024

describe('batching', () => {
  it('an idle producer sends a record within the turn, without a timer', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    await driven(producer.send({ partitionKey: 'ada', data: '1' }))
    const sent = producer.send({ partitionKey: 'ada', data: '2' })
    await turns()
    await expect(sent).resolves.toMatchObject({ sequenceNumber: 1 })
    await end()
  })

  it('while a few requests are under way, records wait and travel together', async () => {
    const broker = new FakeBroker()
    const release = holdingAppends(broker)
    const { producer, end } = await producing(broker)
    for (let i = 0; i < 100; i++) {
      void producer.push({ partitionKey: 'ada', data: `${i}` })
      await turns(1)
    }
    await turns()
    expect(broker.appendSizes.length).toBeLessThanOrEqual(2)
    release()
    await driven(producer.flush())
    expect(broker.shards[0]!.batches.length).toBeLessThanOrEqual(4)
    expect(broker.recordsOf(0)).toHaveLength(100)
    await end()
  })

  it('under load, nine of ten batches are full', async () => {
    const broker = new FakeBroker({ shards: 2 })
    const counts: number[] = []
    const { producer, end } = await producing(broker, {
      batchRecords: 100,
      onAcknowledged: ({ recordCount }) => counts.push(recordCount),
    })
    for (let i = 0; i < 20_000; i++) {
      const room = producer.push({ partitionKey: `user ${i % 50}`, data: new Uint8Array(100) })
      if (room !== undefined) await room
    }
    await driven(producer.flush())
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20_000)
    expect(counts.filter((count) => count < 100).length).toBeLessThan(counts.length / 10)
    await end()
  })

  it('a batch is full at batchRecords or batchBytes, whichever comes first; a larger record has one to itself', async () => {
    const broker = new FakeBroker()
    const counts: number[] = []
    const onAcknowledged = ({ recordCount }: BatchAcknowledgement) => counts.push(recordCount)
    const byCount = await producing(broker, { batchRecords: 10, onAcknowledged })
    for (let i = 0; i < 25; i++) void byCount.producer.push({ partitionKey: 'ada', data: '' })
    await byCount.end()
    expect(counts).toEqual([10, 10, 5])
    counts.length = 0
    const byBytes = await producing(broker, { batchBytes: 4 * KiB, onAcknowledged })
    for (let i = 0; i < 9; i++) void byBytes.producer.push({ partitionKey: 'ada', data: new Uint8Array(KiB) })
    void byBytes.producer.push({ partitionKey: 'ada', data: new Uint8Array(50 * KiB) })
    await byBytes.end()
    expect(counts).toEqual([3, 3, 3, 1])
  })

  it('lingers as long as it is told, and no longer than the batch takes to fill', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker, { lingerMs: 100, batchRecords: 3 })
    const first = producer.send({ partitionKey: 'ada', data: '1' })
    await pass(90)
    expect(broker.appendSizes).toEqual([])
    await pass(20)
    await expect(first).resolves.toMatchObject({ sequenceNumber: 0 })
    for (let i = 0; i < 3; i++) void producer.push({ partitionKey: 'ada', data: `${i}` })
    await turns(10)
    expect(broker.recordsOf(0)).toHaveLength(4)
    void producer.push({ partitionKey: 'ada', data: 'flushed' })
    await driven(producer.flush(), { limitMs: 20 })
    expect(broker.recordsOf(0)).toHaveLength(5)
    await end()
  })

  it('one request carries the batches of all shards of its host', async () => {
    const broker = new FakeBroker({ shards: 8, hosts: 2 })
    const { producer, end } = await producing(broker)
    for (let i = 0; i < 100; i++) void producer.push({ partitionKey: `user ${i}`, data: `${i}` })
    await driven(producer.flush())
    expect(broker.appendSizes).toEqual([4, 4])
    await end()
  })

  it('has at most eight batches of a shard outstanding, whatever waits behind them', async () => {
    const broker = new FakeBroker()
    let outstanding = 0
    broker.disturb = (message) => {
      if (message.operation === 'append') outstanding += message.request.batches.length
      return message.operation === 'append' ? 'hangs' : 'none'
    }
    const { producer, end } = await producing(broker, { batchRecords: 1 })
    for (let i = 0; i < 100; i++) void producer.push({ partitionKey: 'ada', data: `${i}` })
    await turns(20)
    expect(outstanding).toBe(8)
    broker.disturb = () => 'none'
    broker.disconnect(7401)
    await end()
    expect(broker.recordsOf(0)).toHaveLength(100)
  })
})
