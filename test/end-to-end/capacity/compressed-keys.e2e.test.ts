// The broker learns of keys in batches that it never inflates: if the keys of a gzip producer lie in a corner of the range, a
// balanced split is made there and not in the middle, and the key with most of the load is named.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createBroker } from '../../../broker/broker.ts'
import { connect, type Client, type Shard } from '../../../client/index.ts'
import { hashKeyToBigInt, hashPartitionKey } from '../../../protocol/shards/hash-key.ts'
import { until } from '../../support/checker/progress.ts'

const RECORDS = 40_000
const SPACE = 1n << 128n

function hashKeyOf(partitionKey: string): bigint {
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return hashKeyToBigInt(words)
}

/** Keys whose hashes lie in the lowest sixteenth of all. */
const corner = Array.from({ length: 8000 }, (_, i) => `key ${i}`).filter(
  (key) => hashKeyOf(key) < SPACE / 16n,
)

async function produce(client: Client, stream: string, keyOf: (index: number) => string): Promise<void> {
  const producer = await client.producer(stream, { compression: 'gzip', batchBytes: 16 * 1024 })
  for (let i = 0; i < RECORDS; i++) {
    await producer.push({ partitionKey: keyOf(i), data: randomBytes(50).toString('hex') })
  }
  await producer.close()
}

async function shardsOf(client: Client, stream: string): Promise<Shard[]> {
  const shards: Shard[] = []
  for await (const shard of client.listShards(stream)) shards.push(shard)
  return shards
}

test('splitShard: a split without a key divides the load of compressed batches evenly', async () => {
  await using broker = await createBroker()
  await using client = await connect(broker.url)
  await client.createStream('skewed')
  await produce(client, 'skewed', (i) => corner[i % corner.length]!)
  await client.splitShard('skewed', '0')
  const [, , upper] = await shardsOf(client, 'skewed')
  const above = BigInt(upper!.hashKeyRange.startingHashKey)
  const below = corner.filter((key) => hashKeyOf(key) < above).length / corner.length
  // A split in the middle of the range would give 1; the first samples are a few dozen keys.
  expect(below).toBeGreaterThan(0.15)
  expect(below).toBeLessThan(0.85)
})

test('listShards: names a hash key that has most of the load in compressed batches', async () => {
  await using broker = await createBroker()
  await using client = await connect(broker.url)
  await client.createStream('hot')
  await produce(client, 'hot', (i) => (i % 3 > 0 ? 'ada' : `key ${i}`))
  let hot: { hashKey: string; percent: number } | undefined
  await until('the load is told', async () => {
    const [shard] = await shardsOf(client, 'hot')
    hot = shard!.load?.hot
    return hot !== undefined
  })
  expect(BigInt(hot!.hashKey)).toBe(hashKeyOf('ada'))
  expect(hot!.percent).toBeGreaterThan(30)
})
