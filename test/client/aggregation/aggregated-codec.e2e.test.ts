// Aggregated records in streams of the real broker: beside others, through a split, with positions and in groups.
import { aggregate, aggregated, connect, json, type Client, type UserRecord } from 'millrace'
import { createBroker } from 'millrace/broker'
import { describe, expect, it } from 'vitest'
import { packedByOther } from './support/kinesis-agg.ts'

const codec = aggregated(json<number>())
const KEYS = Array.from({ length: 12 }, (_, i) => `user ${i}`)

/** One record of each key for each number. */
function numbered(from: number, until: number) {
  const numbers = Array.from({ length: until - from }, (_, i) => from + i)
  return numbers.flatMap((data) => KEYS.map((partitionKey) => ({ partitionKey, data })))
}

/** Appends records packed by shard as the shards are now. Returns how many they were packed into. */
async function putPacked(client: Client, from: number, until: number): Promise<number> {
  const { items: shards } = await client.listShards('clicks').page()
  const packed = [...aggregate(numbered(from, until), { shards, codec: json<number>() })]
  for (const record of packed) await client.put('clicks', record)
  return packed.length
}

function byKey(records: Iterable<UserRecord<number>>): Map<string, number[]> {
  const keys = new Map<string, number[]>()
  for (const { partitionKey, data } of records)
    keys.set(partitionKey, [...(keys.get(partitionKey) ?? []), data])
  return keys
}

const everyNumber = (until: number) =>
  new Map(KEYS.map((key) => [key, Array.from({ length: until }, (_, i) => i)]))

describe('aggregated records', () => {
  it('are read beside others through a split, each record in them once, those of one key in order', async () => {
    await using broker = await createBroker({ listen: false })
    await using client = await connect(broker.url, broker)
    await client.createStream('clicks', { shards: 2 })
    expect(await putPacked(client, 0, 10)).toBe(2)
    await client.splitShard('clicks', '0')
    expect(await putPacked(client, 10, 20)).toBe(3)
    for (const { partitionKey, data } of numbered(20, 21)) {
      await client.put('clicks', { partitionKey, data: String(data) })
    }
    for (const key of KEYS) {
      const data = packedByOther([21, 22].map((n) => ({ partitionKey: key, data: Buffer.from(String(n)) })))
      await client.put('clicks', { partitionKey: key, data })
    }
    const read: UserRecord<number>[] = []
    for await (const record of client.read('clicks', { codec })) read.push(...record.data)
    expect(byKey(read)).toEqual(everyNumber(23))
    const alone = read.filter(({ isAggregated }) => !isAggregated)
    expect(alone.map(({ data }) => data)).toEqual(KEYS.map(() => 20))
  })

  it('a position counts an aggregated record as one: behind it, the next one is read', async () => {
    await using broker = await createBroker({ listen: false })
    await using client = await connect(broker.url, broker)
    await client.createStream('clicks')
    for (const from of [0, 3, 6]) expect(await putPacked(client, from, from + 3)).toBe(1)
    const first = client.read('clicks', { codec })
    const read: UserRecord<number>[] = []
    for await (const record of first) {
      read.push(...record.data)
      expect(record.data.map(({ subSequenceNumber }) => subSequenceNumber)).toEqual([...record.data.keys()])
      break
    }
    for await (const record of client.read('clicks', { codec, from: first.position }))
      read.push(...record.data)
    expect(byKey(read)).toEqual(everyNumber(9))
  })

  it('in a group, a record that is failed at in the middle comes again whole, and keys stay in order side by side', async () => {
    await using broker = await createBroker({ listen: false })
    await using client = await connect(broker.url, broker)
    await client.createStream('clicks')
    for (const from of [0, 2, 4]) {
      // By key: the calls of the handler may then go on side by side.
      for (const record of aggregate(numbered(from, from + 2), { codec: json<number>() })) {
        await client.put('clicks', record)
      }
    }
    const group = client.group({
      name: 'billing',
      stream: 'clicks',
      codec,
      concurrency: 4,
      retry: { attempts: 3, backoffMinMs: 1, backoffMaxMs: 1 },
    })
    const handled: UserRecord<number>[] = []
    let failures = 0
    await group.run(async (records) => {
      for (const { data } of records) {
        const taken: UserRecord<number>[] = []
        for (const record of data) {
          if (record.partitionKey === KEYS[3] && record.data === 3 && failures++ === 0)
            throw new Error('once')
          taken.push(record)
          await new Promise((resolve) => setImmediate(resolve))
        }
        handled.push(...taken)
      }
      // The call that failed comes again whole, with what it had done before.
      const distinct = new Set(handled.map(({ partitionKey, data }) => `${partitionKey} ${data}`))
      if (distinct.size === KEYS.length * 6) void group.stop()
    })
    expect(failures).toBe(2)
    expect(byKey(handled.filter(({ partitionKey }) => partitionKey !== KEYS[3]))).toEqual(
      new Map([...everyNumber(6)].filter(([key]) => key !== KEYS[3])),
    )
    expect(new Set(byKey(handled).get(KEYS[3]!))).toEqual(new Set([0, 1, 2, 3, 4, 5]))
    const { shards } = await client.describeGroup('billing')
    expect(shards.map(({ recordsBehind }) => recordsBehind)).toEqual([0])
  })
})
