// Twenty registered consumers of one stream: through splits, a merge and the end of a host, each gets every record once, and
// those of each key in order.
import { expect, test } from 'vitest'
import { connect, type Client } from 'millrace'
import { TestDaemon } from '../../support/daemon.ts'
import { until } from '../../support/checker/progress.ts'

const STREAM = 'clicks'
const CONSUMERS = 20
const KEYS = 12
const RECORDS = 2400
const PATIENCE_MS = 300_000

/** Reads until it has everything; checks what it gets. */
async function readAll(client: Client, consumer: string, progress: Map<string, number>): Promise<void> {
  const next = new Map<string, number>()
  let count = 0
  const options = { from: 'TRIM_HORIZON', follow: true, consumer } as const
  for await (const { partitionKey, data } of client.read(STREAM, options)) {
    const number = Number(Buffer.from(data).toString())
    expect(number, `${consumer}, ${partitionKey}`).toBe(next.get(partitionKey) ?? 0)
    next.set(partitionKey, number + 1)
    progress.set(consumer, ++count)
    if (count === RECORDS) return
  }
}

test('twenty consumers: each gets every record of each key in order, while shards and a host change', async () => {
  await using daemon = await TestDaemon.start({ hosts: '2' })
  await using client = await connect(daemon.url)
  await client.createStream(STREAM, { shards: 2 })
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect(daemon.url)))
  try {
    const progress = new Map<string, number>()
    const readings = await Promise.all(
      Array.from({ length: CONSUMERS }, async (_, index) => {
        const consumer = `reader-${index}`
        await client.registerConsumer(STREAM, consumer)
        return { done: readAll(clients[index % clients.length]!, consumer, progress) }
      }),
    )
    const all = Promise.all(readings.map(({ done }) => done))
    all.catch(() => {})
    const least = () =>
      Math.min(...Array.from({ length: CONSUMERS }, (_, i) => progress.get(`reader-${i}`) ?? 0))
    const producer = await client.producer(STREAM)
    const send = async (from: number, to: number): Promise<void> => {
      const sent: Promise<unknown>[] = []
      for (let number = from; number < to; number++) {
        for (let key = 0; key < KEYS; key++) {
          sent.push(producer.send({ partitionKey: `key-${key}`, data: String(number) }))
        }
      }
      await Promise.all(sent)
    }
    const part = RECORDS / KEYS / 4
    await send(0, part)
    await Promise.all([client.splitShard(STREAM, '0'), send(part, 2 * part)])
    await until('everyone has begun', () => least() > 0, PATIENCE_MS)
    const [pid] = await daemon.hostPids()
    process.kill(pid!, 'SIGKILL')
    await send(2 * part, 3 * part)
    await Promise.all([client.mergeShards(STREAM, '2', '3'), send(3 * part, 4 * part)])
    await until('everyone has everything', () => least() === RECORDS, PATIENCE_MS)
    await all
    const { shards } = await client.describeConsumer(STREAM, 'reader-7')
    expect(shards.map(({ shardId }) => shardId)).toEqual(['shardId-000000000001', 'shardId-000000000004'])
  } finally {
    await Promise.all(clients.map((each) => each.close()))
  }
})
