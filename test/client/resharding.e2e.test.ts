// The client against the real broker while a stream is split, merged and scaled under load: producers and readers go on. Every
// record is read once, in the order of its key.
import { describe, expect, it } from 'vitest'
import { connect, type Client, type HashKeys, type Reading } from 'millrace'
import { createBroker } from 'millrace/broker'

const KEYS = Array.from({ length: 50 }, (_, i) => `user ${i}`)

/** Appends numbered records of every key until told to stop; answers how many of each there are. */
function load(client: Client, stream: string) {
  let isEnding = false
  const run = async () => {
    const producer = await client.producer(stream)
    let n = 0
    for (; !isEnding; n++) {
      for (const partitionKey of KEYS) void producer.push({ partitionKey, data: String(n) })
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await producer.close()
    return n
  }
  const running = run()
  return () => {
    isEnding = true
    return running
  }
}

/** What is read of each key, in the order of reading, up to a number below 0. */
async function collect(
  reading: Reading<Uint8Array>,
  read = new Map<string, number[]>(KEYS.map((key) => [key, []])),
): Promise<Map<string, number[]>> {
  for await (const { partitionKey, bytes } of reading) {
    const number = Number(Buffer.from(bytes).toString())
    if (number < 0) break
    read.get(partitionKey)!.push(number)
  }
  return read
}

/** Three ranges of hash keys that together are all. */
const THIRDS: readonly HashKeys[] = [0n, 1n, 2n].map((part) => ({
  from: (part << 128n) / 3n,
  to: ((part + 1n) << 128n) / 3n - 1n,
}))

describe.each([
  ['over TCP', true],
  ['in process', false],
])('%s', (_how, listen) => {
  it('producers, readers and subscriptions go on through splits, merges and changes of scale', async () => {
    await using broker = await createBroker({ listen })
    await using client = await connect(broker.url, listen ? {} : { dial: broker.dial })
    await client.createStream('clicks', { retentionMs: 3_600_000 })
    const begin = Date.now()
    const readings = [
      client.read('clicks', { follow: true, from: 'LATEST' }),
      client.subscribe('clicks'),
      client.read('clicks', { until: { atTimestamp: begin + 3000 } }),
    ]
    await Promise.all(readings.map((reading) => reading.started))
    const reads = readings.map((reading) => collect(reading))
    const shares = THIRDS.map((hashKeys) => client.read('clicks', { follow: true, from: 'LATEST', hashKeys }))
    await Promise.all(shares.map((reading) => reading.started))
    const together = new Map<string, number[]>(KEYS.map((key) => [key, []]))
    const shared = shares.map((reading) => collect(reading, together))
    const stop = load(client, 'clicks')

    const { children } = await client.splitShard('clicks', '0')
    expect(children).toEqual(['shardId-000000000001', 'shardId-000000000002'])
    await client
      .splitShard('clicks', children[0]!, { isolate: { partitionKey: KEYS[0]! } })
      .catch(() => client.splitShard('clicks', children[1]!, { isolate: { partitionKey: KEYS[0]! } }))
    const { openShardCount } = await client.updateShardCount('clicks', 64)
    expect(openShardCount).toBe(64)
    await client.updateShardCount('clicks', 1)
    expect(await client.describeStream('clicks')).toMatchObject({ openShardCount: 1, status: 'ACTIVE' })

    const rounds = await stop()
    const numbers = Array.from({ length: rounds }, (_, n) => n)
    await client.put('clicks', { partitionKey: KEYS[0]!, data: '-1' })
    const [read, pushed, bounded] = await Promise.all(reads)
    for (const key of KEYS) {
      expect(read!.get(key)).toEqual(numbers)
      expect(pushed!.get(key)).toEqual(numbers)
      // It ended by the time that it was given: with the first records of each key, and no gap among them.
      expect(bounded!.get(key)).toEqual(numbers.slice(0, bounded!.get(key)!.length))
    }
    const count = () => [...together.values()].reduce((sum, { length }) => sum + length, 0)
    await expect.poll(count, { timeout: 60_000 }).toBeGreaterThanOrEqual(rounds * KEYS.length)
    for (const reading of shares) await reading.close()
    await Promise.all(shared)
    for (const key of KEYS) expect(together.get(key)).toEqual(numbers)
    const replayed = await collect(client.read('clicks', { until: { atTimestamp: Date.now() } }))
    for (const key of KEYS) expect(replayed.get(key)).toEqual(numbers)
    const first = client.read('clicks', { shard: '0' })
    await collect(first)
    expect(first.children).toEqual(children)
  })
})
