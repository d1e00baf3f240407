// What a producer tells of itself: the snapshot, and the channels of node:diagnostics_channel.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { producerChannels, type ProducerMessages } from '../../../../client/index.ts'
import { publish } from '../../../../client/producer/telemetry/channels.ts'
import { driven, fakeTime, pass, turns } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'
import { failureOf, onAppend, onAppends, producing, record, shardId } from '../support/producing.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

function messagesOf<M extends keyof ProducerMessages>(message: M): ProducerMessages[M][] {
  const messages: ProducerMessages[M][] = []
  const listener = (told: unknown) => void messages.push(told as ProducerMessages[M])
  subscribe(producerChannels[message], listener)
  onTestFinished(() => void unsubscribe(producerChannels[message], listener))
  return messages
}

describe('the metrics of a producer', () => {
  it('are zero at first, say what is buffered and in flight, and what became of it', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { producer, end } = await producing(broker, { batchRecords: 2 })
    expect(producer.metrics()).toMatchObject({ bufferedRecords: 0, oldestMs: 0, sentBatches: 0, errors: {} })
    const sent = Promise.all(Array.from({ length: 5 }, () => producer.send(record)))
    await turns()
    await pass(30)
    expect(producer.metrics()).toMatchObject({ bufferedRecords: 5, storedRecords: 0, shardsDelayed: 0 })
    expect(producer.metrics().batchesInFlight).toBeGreaterThanOrEqual(2)
    expect(producer.metrics().bufferedBytes).toBe(producer.bufferedBytes)
    expect(producer.metrics().oldestMs).toBeGreaterThanOrEqual(30)
    onAppend(broker, 'none')
    broker.disconnect(7401)
    await driven(sent)
    const metrics = producer.metrics()
    expect(metrics).toMatchObject({
      bufferedRecords: 0,
      bufferedBytes: 0,
      oldestMs: 0,
      batchesInFlight: 0,
      storedRecords: 5,
      storedBatches: 3,
      refusedRecords: 0,
      latencyMs: { count: 3 },
    })
    expect(metrics.storedBytes).toBe(broker.shards[0]!.batches.reduce((sum, { length }) => sum + length, 0))
    expect(metrics.errors.connectionLost).toBe(metrics.retries)
    expect(metrics.sentBatches).toBe(3 + metrics.retries)
    expect(metrics.latencyMs.max).toBeGreaterThanOrEqual(30)
    await end()
  })

  it('count throttles, refusals and expired records apart', async () => {
    const broker = new FakeBroker()
    onAppends(broker, [
      { refuseBatch: () => 'provisionedThroughputExceeded' },
      { refuseBatch: () => 'invalidBatch' },
    ])
    const { producer, end } = await producing(broker, { recordTtlMs: 400 })
    await driven(failureOf(producer.send(record)))
    broker.stopHost(1)
    await driven(failureOf(producer.send(record)))
    expect(producer.metrics()).toMatchObject({
      throttles: 1,
      retries: 1,
      refusedRecords: 2,
      expiredRecords: 1,
      errors: { provisionedThroughputExceeded: 1, invalidBatch: 1 },
    })
    broker.startHost(1)
    await end()
  })
})

describe('the channels of a producer', () => {
  it('tell of what is stored, tried again, throttled, refused and expired', async () => {
    const broker = new FakeBroker()
    const acknowledged = messagesOf('batchAcknowledged')
    const refused = messagesOf('batchRefused')
    const expired = messagesOf('expired')
    const retries = messagesOf('retry')
    const throttled = messagesOf('throttled')
    onAppends(broker, [
      { refuseBatch: () => 'provisionedThroughputExceeded' },
      'none',
      { refuseBatch: () => 'invalidBatch' },
    ])
    const { producer, end } = await producing(broker, { recordTtlMs: 400 })
    await driven(producer.send(record))
    await driven(failureOf(producer.send(record)))
    broker.stopHost(1)
    await driven(failureOf(producer.send(record)))
    broker.startHost(1)
    const of = { stream: 'clicks', shardId }
    expect(acknowledged).toMatchObject([{ ...of, recordCount: 1, firstSequenceNumber: 0 }])
    expect(acknowledged[0]!.attempts).toHaveLength(2)
    expect(throttled).toMatchObject([of])
    expect(retries[0]).toMatchObject({ ...of, error: { code: 'provisionedThroughputExceeded' } })
    expect(refused).toMatchObject([{ ...of, recordCount: 1, error: { code: 'invalidBatch' } }])
    expect(expired).toMatchObject([{ ...of, recordCount: 1, error: { code: 'recordExpired' } }])
    await end()
  })

  it('make nothing where nobody listens', () => {
    publish('retry', () => {
      throw new Error('a message was made for nobody')
    })
  })
})
