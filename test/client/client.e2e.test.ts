// The client against the real broker, as an application installs both: every public call, over TCP and in process.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, json, MillraceError, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { freePort } from '../support/ports.ts'

interface Click {
  readonly user: string
  readonly n: number
}

describe.each([
  ['over TCP', true],
  ['in process', false],
])('%s', (_how, listen) => {
  let broker: Broker
  let client: Client
  beforeAll(async () => {
    broker = await createBroker({ listen })
    client = await connect(broker.url, listen ? {} : { dial: broker.dial })
  })
  afterAll(async () => {
    await client.close()
    await broker.close()
  })

  it('administers streams', async () => {
    const stream = await client.createStream('admin', { shards: 3, retentionMs: 7_200_000 })
    expect(stream).toMatchObject({
      name: 'admin',
      status: 'ACTIVE',
      openShardCount: 3,
      retentionMs: 7_200_000,
    })
    await expect(client.createStream('admin')).rejects.toMatchObject({ code: 'streamExists' })
    await expect(client.createStream('no/good')).rejects.toMatchObject({ code: 'invalidArgument' })
    await client.updateStream('admin', { retentionMs: 3_600_000 })
    expect(await client.describeStream('admin')).toMatchObject({ retentionMs: 3_600_000 })
    const shards = []
    for await (const shard of client.listShards('admin')) shards.push(shard)
    expect(shards.map(({ shardId, state }) => [shardId.slice(-1), state])).toEqual([
      ['0', 'OPEN'],
      ['1', 'OPEN'],
      ['2', 'OPEN'],
    ])
    expect(shards[0]!.hashKeyRange.startingHashKey).toBe('0')
    expect(shards[2]!.hashKeyRange.endingHashKey).toBe(String(2n ** 128n - 1n))
    for (const name of ['b1', 'b2', 'b3']) await client.createStream(name)
    const page = await client.listStreams().page({ limit: 2 })
    expect(page.items.map(({ name }) => name)).toEqual(['admin', 'b1'])
    const rest = await client.listStreams().page({ after: page.next })
    expect(rest.items.map(({ name }) => name)).toEqual(['b2', 'b3'])
    expect(rest.next).toBeUndefined()
    expect(await client.describeBroker()).toMatchObject({ streamCount: 4, shardCount: 6 })
    const earlier = await client.brokerTime()
    expect((await client.brokerTime()).getTime()).toBeGreaterThanOrEqual(earlier.getTime())
    for (const name of ['admin', 'b1', 'b2', 'b3']) await client.deleteStream(name)
    await expect(client.describeStream('admin')).rejects.toMatchObject({ code: 'streamNotFound' })
    await expect(client.put('admin', { partitionKey: 'a', data: '' })).rejects.toMatchObject({
      code: 'streamNotFound',
    })
  })

  it('reads and subscriptions get every record of a producer once, in order per key', async () => {
    await client.createStream('clicks', { shards: 4 })
    const codec = json<Click>()
    const subscription = client.subscribe('clicks', { codec })
    await subscription.started
    const users = Array.from({ length: 50 }, (_, i) => `user ${i}`)
    const total = 20_000
    {
      await using producer = await client.producer('clicks', { codec, compression: 'gzip' })
      for (let n = 0; n < total; n++) {
        const user = users[n % users.length]!
        const wait = producer.push({ partitionKey: user, data: { user, n } })
        if (wait !== undefined) await wait
      }
    }
    for (const records of [client.read('clicks', { codec }), subscription]) {
      const last = new Map<string, number>()
      let count = 0
      for await (const { partitionKey, data } of records) {
        expect(data.user).toBe(partitionKey)
        expect(data.n).toBe(
          (last.get(partitionKey) ?? Number(partitionKey.slice(5)) - users.length) + users.length,
        )
        last.set(partitionKey, data.n)
        if (++count === total) break
      }
      expect(count).toBe(total)
    }
    await client.deleteStream('clicks')
  })

  it('reads from a number and from a time', async () => {
    await client.createStream('places')
    const results = await client.putMany(
      'places',
      Array.from({ length: 10 }, (_, i) => ({ partitionKey: 'ada', data: `${i}` })),
    )
    const acknowledgements = results.map((result) => (result.ok ? result.acknowledgement : undefined))
    const { sequenceNumber } = acknowledgements[4]!
    const later = await client.put('places', { partitionKey: 'ada', data: 'later' })
    const read = async (from: Parameters<Client['read']>[1]) => {
      const values: string[] = []
      for await (const { bytes } of client.read('places', from)) values.push(Buffer.from(bytes).toString())
      return values
    }
    expect(await read({ from: { atSequenceNumber: sequenceNumber } })).toEqual([
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
      'later',
    ])
    expect(await read({ from: { afterSequenceNumber: later.sequenceNumber } })).toEqual([])
    expect(await read({ until: { atSequenceNumber: 2 } })).toEqual(['0', '1'])
    expect((await read({ from: { atTimestamp: later.arrivalTime } })).at(-1)).toBe('later')
    expect(await read({ from: 'LATEST' })).toEqual([])
    await expect(read({ from: { atSequenceNumber: 1000 } })).rejects.toMatchObject({
      code: 'invalidPosition',
    })
    await client.deleteStream('places')
  })

  it('fetches one shard after another by positions that the program keeps, as a reading reads them', async () => {
    const { id } = await client.createStream('fetched', { shardLimits: { readsPerSecond: 1000 } })
    const records = Array.from({ length: 3000 }, (_, n) => ({ partitionKey: `key ${n % 7}`, data: `${n}` }))
    const split = records.splice(2000)
    await client.putMany('fetched', records)
    await client.splitShard('fetched', '0')
    await client.putMany('fetched', split)
    const read = new Map<string, number[]>()
    for await (const { shardId, sequenceNumber } of client.read('fetched')) {
      read.set(shardId, [...(read.get(shardId) ?? []), sequenceNumber])
    }
    const fetched = new Map<string, number[]>()
    const left = [{ shard: 'shardId-000000000000', from: 0 }]
    for (const place of left) {
      const numbers: number[] = []
      for (let from = place.from; ;) {
        const options = {
          shard: place.shard,
          from: { atSequenceNumber: from },
          recordsMax: 700,
          streamId: id,
        }
        const answer = await client.fetch('fetched', options)
        expect(answer.records.length).toBeLessThanOrEqual(700)
        numbers.push(...answer.records.map(({ sequenceNumber }) => sequenceNumber))
        from = answer.next
        const children = answer.children.map(({ shardId, startingSequenceNumber }) => {
          return { shard: shardId, from: startingSequenceNumber }
        })
        left.push(...children)
        if (answer.isEnd || from === answer.tail) break
      }
      fetched.set(place.shard, numbers)
    }
    expect(left.map(({ shard }) => shard.slice(-1))).toEqual(['0', '1', '2'])
    expect(fetched).toEqual(read)
    await client.updateStream('fetched', { shardLimits: { readBytesPerSecond: 1 } })
    const again = () => client.fetch('fetched', { shard: '0', from: 'TRIM_HORIZON' })
    await again()
    await expect(again()).rejects.toMatchObject({ code: 'provisionedThroughputExceeded' })
    await client.deleteStream('fetched')
    await expect(again()).rejects.toMatchObject({ code: 'streamNotFound' })
  })

  it('ends readers and producers of a stream that is deleted with streamNotFound', async () => {
    await client.createStream('doomed')
    const producer = await client.producer('doomed')
    await producer.send({ partitionKey: 'ada', data: '1' })
    const readings = [
      client.read('doomed', { follow: true, maxWaitMs: 100 }),
      client.subscribe('doomed', { from: 'TRIM_HORIZON' }),
    ]
    const loops = readings.map(async (reading) => {
      for await (const record of reading) void record
    })
    for (const loop of loops) loop.catch(() => {})
    for (const reading of readings) await reading.started
    await client.deleteStream('doomed')
    for (const loop of loops) await expect(loop).rejects.toMatchObject({ code: 'streamNotFound' })
    await expect(producer.send({ partitionKey: 'ada', data: '2' })).rejects.toMatchObject({
      code: 'streamNotFound',
    })
    await producer.close()
  })

  it('stores documents, and sends their changes to watches', async () => {
    const plans = client.documents<{ steps: number }>('plans')
    const { version } = await plans.put('first', { steps: 1 }, { expectedVersion: 0 })
    const conflict = plans.put('first', { steps: 2 }, { expectedVersion: 0 })
    await expect(conflict).rejects.toMatchObject({ code: 'versionConflict', currentVersion: version })
    const told: string[] = []
    for await (const change of plans.watch({ prefix: 'f' })) {
      told.push(change.type === 'put' ? `${change.name} ${change.value.steps}` : `${change.name} is gone`)
      if (told.length === 1) await plans.update('first', (plan) => ({ steps: plan!.steps + 1 }))
      if (told.length === 2) await plans.delete('first')
      if (told.length === 3) break
    }
    expect(told).toEqual(['first 1', 'first 2', 'first is gone'])
    expect(await plans.get('first')).toBeUndefined()
    const page = await plans.list().page()
    expect(page).toEqual({ items: [], next: undefined })
  })

  it('takes records of every size up to the limit, and refuses the next', async () => {
    await client.createStream('large')
    const sizes = [0, 1, 1000, 300_000, 10 * 1024 * 1024 - 3]
    for (const size of sizes) {
      await client.put('large', { partitionKey: 'ada', data: new Uint8Array(size).fill(7) })
    }
    const refused = client.put('large', { partitionKey: 'ada', data: new Uint8Array(10 * 1024 * 1024) })
    await expect(refused).rejects.toMatchObject({ code: 'invalidArgument' })
    const read: number[] = []
    for await (const { bytes } of client.read('large')) read.push(bytes.length)
    expect(read).toEqual(sizes)
    await client.deleteStream('large')
  })
})

describe('a broker that stops and starts again', () => {
  it('is reconnected: records are stored once, and readers go on where they were', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-client-'))
    const listen = { host: '127.0.0.1', port: await freePort() }
    let broker = await createBroker({ dataDir, listen })
    try {
      await using client = await connect(broker.url, { retry: { backoffMaxMs: 200 } })
      await client.createStream('clicks', { shards: 2 })
      const seen: number[] = []
      const loop = (async () => {
        for await (const { data } of client.subscribe('clicks', {
          from: 'TRIM_HORIZON',
          codec: json<number>(),
        })) {
          seen.push(data)
          if (seen.length === 300) break
        }
      })()
      const producer = await client.producer('clicks', { codec: json<number>() })
      const sent: Promise<unknown>[] = []
      for (let n = 0; n < 300; n++) {
        sent.push(producer.send({ partitionKey: 'ada', data: n }))
        if (n % 100 === 50) {
          const closing = broker.close()
          sent.push(producer.send({ partitionKey: 'ada', data: ++n }))
          await closing
          broker = await createBroker({ dataDir, listen })
        }
        if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all(sent)
      await loop
      expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i))
    } finally {
      await broker.close()
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  it('a watch of documents goes on, and closing the broker does not wait for it', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-client-'))
    const listen = { host: '127.0.0.1', port: await freePort() }
    // Far longer than a test may take: a broker that waited for the watch would not be closed in time.
    const config = { drainTimeout: '10m' }
    let broker = await createBroker({ dataDir, listen, config })
    try {
      await using client = await connect(broker.url, { retry: { backoffMaxMs: 200 } })
      const plans = client.documents<number>('plans')
      await plans.put('a', 1)
      await plans.put('b', 1)
      const changes = plans.watch()[Symbol.asyncIterator]()
      const next = async () => (await changes.next()).value as unknown
      expect([await next(), await next()]).toMatchObject([{ name: 'a' }, { name: 'b' }])
      const told = next()
      await broker.close()
      broker = await createBroker({ dataDir, listen, config })
      await plans.put('b', 2)
      expect(await told).toMatchObject({ type: 'put', name: 'b', value: 2 })
      await changes.return!()
    } finally {
      await broker.close()
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  it('connect: fails with a sentence if no broker listens', async () => {
    const error = await connect('millrace://127.0.0.1:1').catch((refused: unknown) => refused)
    expect(MillraceError.is(error, 'unavailable')).toBe(true)
    expect((error as Error).message).toMatch(/^No connection to 127\.0\.0\.1:1: .*ECONNREFUSED/)
  })
})
