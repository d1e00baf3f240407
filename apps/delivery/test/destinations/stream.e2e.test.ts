// Deliveries into another stream: each record once, with its key and headers, through lives of the app and changes of shards.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDelivery, describeDelivery } from '../../src/definitions/index.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'

let world: DeliveryWorld
beforeAll(async () => {
  world = await DeliveryWorld.open()
})
afterAll(() => world[Symbol.asyncDispose]())

async function texts(stream: string): Promise<string[]> {
  const found: string[] = []
  for await (const record of world.client.read(stream)) found.push(Buffer.from(record.bytes).toString())
  return found.sort()
}

const textsOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `r${String(from + i).padStart(4, '0')}`)

it('a delivery into a stream: keeps keys and headers, and stores each record once while copies come and go and shards split', async () => {
  const { client } = world
  await client.createStream('from', { shards: 2 })
  await client.createStream('to')
  await createDelivery(client, 'copy', {
    source: { stream: 'from' },
    destination: { type: 'stream', stream: 'to' },
    buffer: { bytes: 1024, intervalMs: 0 },
  })
  const wanted: string[] = []
  for (let round = 0; round < 4; round++) {
    const app = await world.app()
    const some = textsOf(round * 200, round * 200 + 200)
    await client.putMany(
      'from',
      some.map((data) => ({ partitionKey: `key-${data}`, data, headers: { from: data } })),
    )
    wanted.push(...some)
    if (round === 1) {
      const { value } = await client.listShards('from')[Symbol.asyncIterator]().next()
      await client.splitShard('from', (value as { shardId: string }).shardId)
    }
    // Its work is cut off in the middle, but for the last one.
    if (round < 3) await app.close()
  }
  await expect.poll(() => texts('to')).toEqual(wanted)
  for await (const record of client.read('to')) {
    const text = Buffer.from(record.bytes).toString()
    expect(record.partitionKey).toBe(`key-${text}`)
    expect(Buffer.from(record.headers['from']!).toString()).toBe(text)
  }
})

it('a delivery into a stream that goes away: says so, and goes on when there is one again', async () => {
  const { client } = world
  await client.createStream('source')
  await client.createStream('goal')
  await createDelivery(client, 'gone', {
    source: { stream: 'source' },
    destination: { type: 'stream', stream: 'goal' },
    buffer: { bytes: 1024, intervalMs: 0 },
  })
  await client.deleteStream('goal')
  await client.put('source', { partitionKey: 'k', data: 'late' })
  await expect
    .poll(async () => (await describeDelivery(client, 'gone')).progress[0]?.trouble?.message)
    .toContain('goal')
  await client.createStream('goal')
  await expect.poll(() => texts('goal')).toEqual(['late'])
})
