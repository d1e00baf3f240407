// A producer and shards with limits: it learns them from the first refusal, keeps below them, and asks again as they change.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  connect,
  type Client,
  type MillraceError,
  type Producer,
  type ProducerOptions,
} from '../../../../client/index.ts'
import { driven, fakeTime, pass } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const limits = {
  writeBytesPerSecond: 20_000,
  writeRecordsPerSecond: 0,
  readBytesPerSecond: 0,
  readsPerSecond: 0,
  subscriptionBytesPerSecond: 0,
}
const RECORD_BYTES = 100
const BATCH_RECORDS = 10

interface Scene {
  readonly broker: FakeBroker
  readonly client: Client
  readonly producers: readonly Producer[]
}

async function limited(
  options: { producers?: number; shards?: number } & ProducerOptions = {},
): Promise<Scene> {
  const { producers: count = 1, shards = 1, ...producerOptions } = options
  const broker = new FakeBroker({ shards })
  const client = await driven(connect('millrace://fake', { dial: broker.dial }))
  await driven(client.updateStream('clicks', { shardLimits: limits }))
  for (const shard of broker.shards) shard.limitTo(limits)
  const producers: Producer[] = []
  for (let i = 0; i < count; i++) {
    producers.push(
      await driven(client.producer('clicks', { batchRecords: BATCH_RECORDS, ...producerOptions })),
    )
  }
  return { broker, client, producers }
}

/** Sends so many records with each producer, all at once; fulfils when they are stored. */
async function sendAll({ producers }: Scene, recordsEach: number): Promise<void> {
  const data = new Uint8Array(RECORD_BYTES - 'key 00'.length)
  for (const producer of producers) {
    for (let i = 0; i < recordsEach; i++) {
      void producer.push({ partitionKey: `key ${String(i % 100).padStart(2, '0')}`, data })
    }
  }
  await driven(Promise.all(producers.map((producer) => producer.flush())))
}

const sum = (scene: Scene, count: 'throttles' | 'sentBatches' | 'storedRecords') =>
  scene.producers.reduce((total, producer) => total + producer.metrics()[count], 0)
const throttledAt = ({ broker }: Scene) =>
  broker.shards.reduce((total, { throttled }) => total + throttled, 0)

const asked = ({ broker }: Scene) => broker.received.filter((name) => name === 'describeStream').length

describe('a producer to shards with limits', () => {
  it('is refused a few times, then hardly ever, and is nearly as fast as the limits', async () => {
    const scene = await limited()
    const begin = performance.now()
    await sendAll(scene, 6000)
    const seconds = (performance.now() - begin) / 1000
    expect(sum(scene, 'storedRecords')).toBe(6000)
    expect(throttledAt(scene)).toBe(sum(scene, 'throttles'))
    expect(sum(scene, 'throttles')).toBeLessThanOrEqual(10)
    expect(sum(scene, 'sentBatches')).toBeLessThan(700)
    // 600 kB at 20 kB/s, of which the first second's is saved.
    expect(seconds).toBeGreaterThan(28)
    expect(seconds).toBeLessThan(36)
    await driven(scene.client.close())
  })

  it('without pacing: is refused again and again', async () => {
    const scene = await limited({ pacing: false })
    await sendAll(scene, 6000)
    expect(sum(scene, 'storedRecords')).toBe(6000)
    expect(sum(scene, 'throttles')).toBeGreaterThan(100)
    expect(asked(scene)).toBe(0)
    await driven(scene.client.close())
  })

  it("fails what they refuse where onThrottled is 'fail', in its order, and stores the rest", async () => {
    const scene = await limited({ onThrottled: 'fail', deliveryTimeoutMs: 900_000 })
    const [producer] = scene.producers
    const outcomes: (number | string)[] = []
    const begin = performance.now()
    const sendings = Array.from({ length: 1000 }, async (_, i) => {
      try {
        const { sequenceNumber } = await producer!.send({ partitionKey: 'a', data: new Uint8Array(99) })
        outcomes[i] = sequenceNumber
      } catch (error) {
        expect(error).toMatchObject({ code: 'provisionedThroughputExceeded', sideEffects: 'none' })
        expect((error as MillraceError).attempts?.at(-1)?.shardId).toBe('shardId-000000000000')
        outcomes[i] = 'refused'
      }
    })
    await driven(Promise.all(sendings))
    expect(performance.now() - begin).toBeLessThan(5000)
    const stored = outcomes.filter((outcome) => typeof outcome === 'number')
    // One second's worth may be saved up: 20 kB, in batches of 10 records.
    expect(stored.length).toBeGreaterThan(100)
    expect(outcomes.length - stored.length).toBeGreaterThan(500)
    expect(stored).toEqual(stored.map((_, i) => i))
    expect(asked(scene)).toBe(0)
    await pass(5000, 100)
    await driven(producer!.send({ partitionKey: 'a', data: new Uint8Array(99) }))
    await driven(scene.client.close())
  })

  it('shares them with others, and each shard is paced by itself', async () => {
    const scene = await limited({ producers: 3, shards: 2 })
    await sendAll(scene, 4000)
    expect(sum(scene, 'storedRecords')).toBe(12_000)
    expect(sum(scene, 'throttles')).toBeLessThan(sum(scene, 'sentBatches') / 5)
    await driven(scene.client.close())
  })

  it('asks for the limits only when a shard refuses, not more often than every ten seconds, and follows them', async () => {
    const scene = await limited()
    expect(asked(scene)).toBe(0)
    await sendAll(scene, 1000)
    expect(asked(scene)).toBe(1)
    const more = { ...limits, writeBytesPerSecond: 200_000 }
    await driven(scene.client.updateStream('clicks', { shardLimits: more }))
    for (const shard of scene.broker.shards) shard.limitTo(more)
    await pass(12_000, 100)
    const begin = performance.now()
    await sendAll(scene, 10_000)
    expect((performance.now() - begin) / 1000).toBeLessThan(20)
    expect(asked(scene)).toBeGreaterThan(1)
    const none = { ...limits, writeBytesPerSecond: 0 }
    await driven(scene.client.updateStream('clicks', { shardLimits: none }))
    for (const shard of scene.broker.shards) shard.limitTo(none)
    await pass(12_000, 100)
    await sendAll(scene, 3000)
    const atOnce = performance.now()
    await sendAll(scene, 10_000)
    expect((performance.now() - atOnce) / 1000).toBeLessThan(2)
    await driven(scene.client.close())
  })

  it('goes on where the limits cannot be learnt', async () => {
    const scene = await limited()
    scene.broker.disturb = ({ operation }) =>
      operation === 'describeStream' ? { refuse: 'internal' } : 'none'
    await sendAll(scene, 1000)
    expect(sum(scene, 'storedRecords')).toBe(1000)
    await driven(scene.client.close())
  })

  it('tells of the wait, and closes while it is held', async () => {
    const scene = await limited()
    const [producer] = scene.producers
    const sent = sendAll(scene, 3000).catch((error: unknown) => error)
    await pass(5000)
    expect(producer!.metrics().shardsDelayed).toBe(1)
    producer!.abort()
    expect(await driven(sent)).toMatchObject({ code: 'aborted' })
    expect(producer!.metrics()).toMatchObject({ bufferedRecords: 0, shardsDelayed: 0 })
    await driven(scene.client.close())
  })
})
