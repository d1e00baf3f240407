// What the whole system promises to a program that uses the client, in both homes of the broker.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, type Client, type Position, type StreamRecord } from 'millrace'
import {
  evenRanges,
  hashKeyToDecimal,
  hashPartitionKey,
  limits,
  ShardMap,
  shardIdOf,
} from 'millrace/protocol'
import { homes, type RunningBroker } from './homes.ts'

const MiB = 2 ** 20

describe.each(homes)('a broker $name', ({ start }) => {
  let broker: RunningBroker
  let client: Client
  let streams = 0
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)

  beforeAll(async () => {
    process.on('warning', onWarning)
    broker = await start()
    client = await connect(broker.url)
  })
  afterAll(async () => {
    await client.close()
    await broker[Symbol.asyncDispose]()
    process.off('warning', onWarning)
    expect(warnings, 'nothing of this made Node suspect a leak').toEqual([])
  })

  /** A stream of this test's own. */
  async function newStream(shards = 1): Promise<string> {
    const name = `stream-${++streams}`
    await client.createStream(name, { shards })
    return name
  }

  async function readAll(
    stream: string,
    from: Position = 'TRIM_HORIZON',
    shard?: string,
  ): Promise<StreamRecord[]> {
    const records: StreamRecord[] = []
    for await (const record of client.read(stream, { from, ...(shard ? { shard } : {}) }))
      records.push(record)
    return records
  }

  const textOf = (record: StreamRecord) => Buffer.from(record.bytes).toString()

  test('gives back every record once, in order per key, with the bytes, and again on every replay', async () => {
    const stream = await newStream(4)
    const producer = await client.producer(stream)
    const keys = Array.from({ length: 20 }, (_, index) => `user-${index}`)
    for (let index = 0; index < 5000; index++) {
      const wait = producer.push({ partitionKey: keys[index % keys.length]!, data: `${index}` })
      if (wait) await wait
    }
    await producer.close()
    const records = await readAll(stream)
    const ofKey = (key: string) => records.filter((record) => record.partitionKey === key).map(textOf)
    for (const [at, key] of keys.entries()) {
      const sent = Array.from({ length: 250 }, (_, round) => `${round * keys.length + at}`)
      expect(ofKey(key)).toEqual(sent)
    }
    const place = (record: StreamRecord) => `${record.shardId}:${record.sequenceNumber}=${textOf(record)}`
    expect((await readAll(stream)).map(place).toSorted()).toEqual(records.map(place).toSorted())
  })

  test('tells shard and number of a record, and there it is', async () => {
    const stream = await newStream(3)
    const { shardId, sequenceNumber, durability } = await client.put(stream, {
      partitionKey: 'k',
      data: 'here',
    })
    expect(durability).toBe('disk')
    const [record] = await readAll(stream, { atSequenceNumber: sequenceNumber }, shardId)
    expect(record).toMatchObject({ shardId, sequenceNumber, partitionKey: 'k' })
    expect(textOf(record!)).toBe('here')
  })

  test('starts a reader at each of the five positions', async () => {
    const stream = await newStream()
    const times: number[] = []
    for (const data of ['a', 'b', 'c', 'd']) {
      const { arrivalTime } = await client.put(stream, { partitionKey: 'k', data })
      times.push(arrivalTime.getTime())
    }
    const textsFrom = async (from: Position) => (await readAll(stream, from)).map(textOf)
    expect(await textsFrom('TRIM_HORIZON')).toEqual(['a', 'b', 'c', 'd'])
    expect(await textsFrom('LATEST')).toEqual([])
    expect(await textsFrom({ atSequenceNumber: 2 })).toEqual(['c', 'd'])
    expect(await textsFrom({ afterSequenceNumber: 2 })).toEqual(['d'])
    const since = times[2]!
    const expected = ['a', 'b', 'c', 'd'].filter((_, index) => times[index]! >= since)
    expect(await textsFrom({ atTimestamp: since })).toEqual(expected)
    expect(await textsFrom({ atTimestamp: times[3]! + 60_000 })).toEqual([])
  })

  test('follows: a reader and a subscription get what comes after they began, and nothing before', async () => {
    const stream = await newStream(2)
    await client.put(stream, { partitionKey: 'k', data: 'before' })
    const followers = [
      client.read(stream, { from: 'LATEST', follow: true }),
      client.subscribe(stream, { from: 'LATEST' }),
    ]
    await Promise.all(followers.map((follower) => follower.started))
    const receiving = followers.map(async (follower) => {
      const texts: string[] = []
      for await (const record of follower) if (texts.push(textOf(record)) === 100) break
      return texts
    })
    const sent = Array.from({ length: 100 }, (_, index) => `after ${index}`)
    for (const data of sent) await client.put(stream, { partitionKey: 'k', data })
    expect(await Promise.all(receiving)).toEqual([sent, sent])
  })

  test('pushes what was stored long ago and what is stored now as one stream without a seam', async () => {
    const stream = await newStream()
    const producer = await client.producer(stream)
    const total = 2000
    const subscription = client.subscribe(stream, { from: 'TRIM_HORIZON', creditBytes: 64 * 1024 })
    for (let index = 0; index < total / 2; index++)
      void producer.push({ partitionKey: 'k', data: `${index}` })
    await producer.flush()
    const receiving = (async () => {
      const numbers: number[] = []
      for await (const record of subscription) if (numbers.push(Number(textOf(record))) === total) break
      return numbers
    })()
    for (let index = total / 2; index < total; index++) {
      await producer.send({ partitionKey: 'k', data: `${index}` })
    }
    await producer.close()
    expect(await receiving).toEqual(Array.from({ length: total }, (_, index) => index))
  })

  test('routes every key as Kinesis does, over many shards', async () => {
    const shards = 64
    const stream = await newStream(shards)
    const ranges = evenRanges(shards)
    const map = new ShardMap(ranges.map((range, index) => ({ index, range })))
    const records = Array.from({ length: 1000 }, (_, index) => ({
      partitionKey: `clé ${index} 🗝`,
      data: 'x',
    }))
    for (const result of await client.putMany(stream, records)) expect(result.ok).toBe(true)
    const words = new Uint32Array(4)
    const read = await readAll(stream)
    expect(read).toHaveLength(records.length)
    for (const { partitionKey, shardId } of read) {
      hashPartitionKey(partitionKey, words, 0)
      expect(shardId).toBe(shardIdOf(map.route(words)))
    }
    const listed: string[] = []
    for await (const shard of client.listShards(stream)) listed.push(shard.hashKeyRange.startingHashKey)
    expect(listed).toEqual(ranges.map(({ start }) => hashKeyToDecimal(start)))
  })

  test('keeps what belongs to a record: long keys, explicit hash keys, headers, its own time, empty data', async () => {
    const stream = await newStream(4)
    const partitionKey = 'ключ'.repeat(64)
    expect(partitionKey).toHaveLength(limits.partitionKeyLengthMax)
    const timestamp = new Date('2020-02-29T12:00:00.123Z')
    const explicitHashKey = hashKeyToDecimal(evenRanges(4)[2]!.start)
    const headers = { type: 'image/png', trace: Buffer.from([0, 255, 1]) }
    const { shardId } = await client.put(stream, {
      partitionKey,
      data: '',
      explicitHashKey,
      headers,
      timestamp,
    })
    expect(shardId).toBe(shardIdOf(2))
    const [record] = await readAll(stream)
    expect(record).toMatchObject({ partitionKey, explicitHashKey, timestamp })
    expect(record!.bytes).toHaveLength(0)
    expect(Buffer.from(record!.headers['type']!).toString()).toBe('image/png')
    expect([...record!.headers['trace']!]).toEqual([0, 255, 1])
  })

  test('takes records of 1 MiB and of the largest size, and refuses a larger one by name', async () => {
    const stream = await newStream(2)
    const sizes = [MiB, limits.recordBytesMax - 1]
    for (const [index, size] of sizes.entries()) {
      await client.put(stream, { partitionKey: `${index}`, data: Buffer.alloc(size, index + 1) })
    }
    const read = (await readAll(stream)).toSorted((a, b) => a.bytes.length - b.bytes.length)
    expect(read.map(({ bytes }) => bytes.length)).toEqual(sizes)
    for (const [index, { bytes }] of read.entries())
      expect(Buffer.from(bytes).equals(Buffer.alloc(sizes[index]!, index + 1))).toBe(true)
    const tooLarge = client.put(stream, { partitionKey: 'k', data: Buffer.alloc(limits.recordBytesMax + 1) })
    await expect(tooLarge).rejects.toMatchObject({ code: 'invalidArgument' })
  })

  test('stores thousands of batches of one record each', async () => {
    const stream = await newStream(4)
    const total = 3000
    const lanes = 16
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        const producer = await client.producer(stream, { batchRecords: 1 })
        for (let index = lane; index < total; index += lanes) {
          await producer.send({ partitionKey: `lane ${lane}`, data: `${index}` })
        }
        await producer.close()
      }),
    )
    const numbers = (await readAll(stream)).map((record) => Number(textOf(record)))
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, index) => index))
  })

  test('stores compressed batches, and readers notice nothing', async () => {
    const stream = await newStream()
    const producer = await client.producer(stream, { compression: 'gzip' })
    const sent = Array.from({ length: 500 }, (_, index) => `the same words again and again ${index % 7}`)
    await Promise.all(sent.map((data) => producer.send({ partitionKey: 'k', data })))
    await producer.close()
    expect((await readAll(stream)).map(textOf)).toEqual(sent)
  })

  test('keeps streams apart, forgets a deleted one, and gives its name to an empty one', async () => {
    const [one, other] = [await newStream(), await newStream()]
    await client.put(one, { partitionKey: 'k', data: 'one' })
    await client.put(other, { partitionKey: 'k', data: 'other' })
    await client.deleteStream(one)
    await expect(client.describeStream(one)).rejects.toMatchObject({ code: 'streamNotFound' })
    const names: string[] = []
    for await (const { name } of client.listStreams()) names.push(name)
    expect(names).not.toContain(one)
    expect((await readAll(other)).map(textOf)).toEqual(['other'])
    await client.createStream(one)
    expect(await readAll(one)).toEqual([])
  })

  test('keeps everything over a restart: streams, records, positions; and numbers go on rising', async () => {
    const stream = await newStream(3)
    const records = Array.from({ length: 300 }, (_, index) => ({
      partitionKey: `k${index % 9}`,
      data: `${index}`,
    }))
    for (const result of await client.putMany(stream, records)) expect(result.ok).toBe(true)
    const place = (record: StreamRecord) => `${record.shardId}:${record.sequenceNumber}=${textOf(record)}`
    const before = (await readAll(stream)).map(place).toSorted()
    const described = await client.describeStream(stream)

    await client.close()
    await broker.restart()
    client = await connect(broker.url)

    expect(await client.describeStream(stream)).toEqual(described)
    expect((await readAll(stream)).map(place).toSorted()).toEqual(before)
    const last = new Map(before.map((text) => [text.split(':')[0]!, 0]))
    for (const record of await readAll(stream)) {
      last.set(record.shardId, Math.max(last.get(record.shardId) ?? 0, record.sequenceNumber))
    }
    const { shardId, sequenceNumber } = await client.put(stream, { partitionKey: 'k1', data: 'after' })
    expect(sequenceNumber).toBe(last.get(shardId)! + 1)
  })
})
