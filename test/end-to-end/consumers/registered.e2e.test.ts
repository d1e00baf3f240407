// Registered consumers as a program uses them, in both homes of the broker: what they are given, how they end, and what is told
// of them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect, type Client, type Reading } from 'millrace'
import { homes, type RunningBroker } from '../homes.ts'
import { rejectionOf } from '../../support/rejection.ts'
import { until } from '../../support/checker/progress.ts'

const PATIENCE_MS = 180_000

describe.each(homes)('registered consumers, $name', (home) => {
  let broker: RunningBroker
  let client: Client
  let stream = ''
  let streams = 0
  beforeAll(async () => {
    broker = await home.start()
    client = await connect(broker.url)
  })
  afterAll(async () => {
    await client.close()
    await broker[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    stream = `clicks-${++streams}`
    await client.createStream(stream, { shards: 2 })
  })

  /** In batches of a few records each. */
  async function fill(count: number, from = 0): Promise<void> {
    await using producer = await client.producer(stream, { batchRecords: 5 })
    const sent = Array.from({ length: count }, (_, i) => {
      const number = String(from + i)
      return producer.send({ partitionKey: `key-${Number(number) % 10}`, data: number.padEnd(1000) })
    })
    await Promise.all(sent)
  }

  /** Takes records until there are so many of them. */
  async function take(reading: Reading<Uint8Array>, count: number): Promise<number[]> {
    const numbers: number[] = []
    for await (const { data } of reading) {
      numbers.push(Number(Buffer.from(data).toString()))
      if (numbers.length === count) break
    }
    return numbers.toSorted((a, b) => a - b)
  }

  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
  const describeDashboard = () => client.describeConsumer(stream, 'dashboard')

  test('are registered once, listed, described and deregistered', async () => {
    const before = Date.now()
    const consumer = await client.registerConsumer(stream, 'dashboard')
    expect(consumer).toMatchObject({ name: 'dashboard', status: 'ACTIVE' })
    expect(Math.abs(consumer.createdAt.getTime() - before)).toBeLessThan(PATIENCE_MS)
    await client.registerConsumer(stream, 'audit')
    await expect(client.registerConsumer(stream, 'audit')).rejects.toMatchObject({ code: 'consumerExists' })
    const names: string[] = []
    for await (const { name } of client.listConsumers(stream)) names.push(name)
    expect(names).toEqual(['audit', 'dashboard'])
    expect(await describeDashboard()).toMatchObject({
      name: 'dashboard',
      shards: [0, 1].map((index) => ({
        shardId: `shardId-00000000000${index}`,
        subscriber: undefined,
        position: undefined,
        reason: 'notConnected',
      })),
    })
    await client.deregisterConsumer(stream, 'dashboard')
    await expect(describeDashboard()).rejects.toMatchObject({ code: 'consumerNotFound' })
  })

  test('read what is stored to its end, and follow', async () => {
    await fill(100)
    await client.registerConsumer(stream, 'dashboard')
    const all: number[] = []
    for await (const { data } of client.read(stream, { consumer: 'dashboard' })) {
      all.push(Number(Buffer.from(data).toString()))
    }
    expect(all.toSorted((a, b) => a - b)).toEqual(upTo(100))
    const following = client.read(stream, { consumer: 'dashboard', follow: true })
    await following.started
    await fill(50, 100)
    expect(await take(following, 150)).toEqual(upTo(150))
  })

  test('that nobody has registered are refused by name', async () => {
    await expect(take(client.read(stream, { consumer: 'ghost', follow: true }), 1)).rejects.toMatchObject({
      code: 'consumerNotFound',
      message: expect.stringContaining('ghost') as string,
    })
  })

  test('have a throughput of their own, and classic readers share another', async () => {
    await fill(200)
    await client.registerConsumer(stream, 'dashboard')
    await client.updateStream(stream, { shardLimits: { readBytesPerSecond: 1 } })
    // The first of these takes what is saved up, and more than may be taken in the time of any test.
    const classic = client.subscribe(stream, { from: 'TRIM_HORIZON', shard: '0', creditBytes: 1 })
    await take(classic, 1)
    const seen: string[] = []
    const throttled = client.subscribe(stream, { from: 'TRIM_HORIZON', shard: '0' })
    const waiting = take(throttled, 1).then(() => seen.push('classic'))
    expect(
      await take(client.subscribe(stream, { from: 'TRIM_HORIZON', consumer: 'dashboard' }), 200),
    ).toEqual(upTo(200))
    seen.push('consumer')
    await throttled.close()
    await waiting.catch(() => {})
    expect(seen[0]).toBe('consumer')
  })

  test('wait for their own rate, while classic readers go on', async () => {
    await fill(200)
    await client.registerConsumer(stream, 'dashboard')
    await client.updateStream(stream, { shardLimits: { subscriptionBytesPerSecond: 1 } })
    const paced = client.subscribe(stream, { from: 'TRIM_HORIZON', consumer: 'dashboard' })
    await until(
      'both shards are throttled',
      async () => (await describeDashboard()).shards.every(({ reason }) => reason === 'throttled'),
      PATIENCE_MS,
    )
    expect(await take(client.subscribe(stream, { from: 'TRIM_HORIZON' }), 200)).toEqual(upTo(200))
    const { shards } = await describeDashboard()
    expect(shards.every(({ recordsBehind = 0 }) => recordsBehind > 0)).toBe(true)
    expect(shards[0]!.detail).toContain('1 bytes a second')
    await paced.close()
  })

  test('say how far they are behind, and that the reader takes no more', async () => {
    await fill(100)
    await client.registerConsumer(stream, 'dashboard')
    const reading = client.subscribe(stream, {
      from: 'TRIM_HORIZON',
      consumer: 'dashboard',
      creditBytes: 5000,
    })
    await until(
      'the credit of both shards is used up',
      async () => (await describeDashboard()).shards.every(({ reason }) => reason === 'waitingForCredit'),
      PATIENCE_MS,
    )
    const { shards } = await describeDashboard()
    for (const shard of shards) {
      expect(shard).toMatchObject({ recordsBehind: expect.any(Number) as number })
      expect(shard.subscriber?.address).not.toBe('')
      expect(shard.bytesBehind).toBeGreaterThan(0)
      expect(shard.millisBehind).toBeGreaterThanOrEqual(0)
    }
    const [sent, behind] = [
      shards.reduce((sum, { position = 0 }) => sum + position, 0),
      shards.reduce((sum, { recordsBehind = 0 }) => sum + recordsBehind, 0),
    ]
    expect(sent + behind).toBe(100)
    expect(await take(reading, 100)).toEqual(upTo(100))
  })

  test('that are deregistered end the loops of their readers, and no other', async () => {
    await client.registerConsumer(stream, 'dashboard')
    await client.registerConsumer(stream, 'audit')
    const options = { from: 'TRIM_HORIZON', follow: true } as const
    const ending = take(client.read(stream, { ...options, consumer: 'dashboard' }), 1000)
    const going = client.read(stream, { ...options, consumer: 'audit' })
    const ended = rejectionOf(ending)
    await until(
      'both shards are received',
      async () => (await describeDashboard()).shards.every(({ subscriber }) => subscriber !== undefined),
      PATIENCE_MS,
    )
    await client.deregisterConsumer(stream, 'dashboard')
    expect(await ended).toMatchObject({ code: 'consumerNotFound' })
    await fill(10)
    expect(await take(going, 10)).toEqual(upTo(10))
  })

  test('give way to a later reader of the same name, which gets everything', async () => {
    await client.registerConsumer(stream, 'dashboard')
    await fill(20)
    const options = { from: 'TRIM_HORIZON', follow: true, consumer: 'dashboard' } as const
    const first = client.read(stream, options)
    const displaced = rejectionOf(take(first, 1000))
    await first.started
    await until(
      'the first one receives both shards',
      async () => (await describeDashboard()).shards.every(({ subscriber }) => subscriber !== undefined),
      PATIENCE_MS,
    )
    await using other = await connect(broker.url)
    const second = other.read(stream, options)
    const all = take(second, 30)
    expect(await displaced).toMatchObject({ code: 'consumerDisplaced' })
    await fill(10, 20)
    expect(await all).toEqual(upTo(30))
  })

  test('go with their stream', async () => {
    await client.registerConsumer(stream, 'dashboard')
    const ended = rejectionOf(take(client.read(stream, { consumer: 'dashboard', follow: true }), 1))
    await client.deleteStream(stream)
    expect(await ended).toMatchObject({ code: 'streamNotFound' })
    await client.createStream(stream)
    await expect(take(client.read(stream, { consumer: 'dashboard', follow: true }), 1)).rejects.toMatchObject(
      {
        code: 'consumerNotFound',
      },
    )
    await client.registerConsumer(stream, 'dashboard')
    await fill(5)
    expect(await take(client.read(stream, { consumer: 'dashboard' }), 5)).toEqual(upTo(5))
  })

  test('are known after a restart', async () => {
    await client.registerConsumer(stream, 'dashboard')
    await fill(10)
    await client.close()
    await broker.restart()
    client = await connect(broker.url)
    await expect(client.registerConsumer(stream, 'dashboard')).rejects.toMatchObject({
      code: 'consumerExists',
    })
    expect(await take(client.read(stream, { consumer: 'dashboard' }), 10)).toEqual(upTo(10))
  })

  test('read for a group, by one option', async () => {
    await fill(100)
    const handled: number[] = []
    const run = async (): Promise<void> => {
      const group = client.group({ stream, name: `billing-${streams}`, consumer: 'dashboard' })
      const running = group.run((records) => {
        for (const { data } of records) handled.push(Number(Buffer.from(data).toString()))
      })
      await until('all are handled', () => handled.length % 100 === 0 && handled.length > 0, PATIENCE_MS)
      expect((await describeDashboard()).shards.every(({ subscriber }) => subscriber !== undefined)).toBe(
        true,
      )
      await group.stop()
      await running
    }
    await run()
    expect(handled.toSorted((a, b) => a - b)).toEqual(upTo(100))
    await expect(client.registerConsumer(stream, 'dashboard')).rejects.toMatchObject({
      code: 'consumerExists',
    })
    // And back again: the same group goes on where it was.
    await fill(50, 100)
    const classic = client.group({ stream, name: `billing-${streams}` })
    const running = classic.run((records) => {
      for (const { data } of records) handled.push(Number(Buffer.from(data).toString()))
    })
    await until('all are handled', () => handled.length === 150, PATIENCE_MS)
    await classic.stop()
    await running
    expect(handled.toSorted((a, b) => a - b)).toEqual(upTo(150))
  })
})
