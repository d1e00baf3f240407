// Readings of one partition key: the line of shards that hold it, and nothing of the other shards.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyFilter } from '../../../../client/reading/narrowed/key-filter.ts'
import type { Client, Reading } from '../../../../client/index.ts'
import { BatchBuilder, hashPartitionKey } from '../../../../protocol/index.ts'
import { hashKeyToBigInt } from '../../../../protocol/shards/hash-key.ts'
import type { HashKeyRange } from '../../../../protocol/shards/shard-map.ts'
import { driven, fakeTime, turns } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'
import { collect, connectTo } from '../../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const KEY = 'ada'

interface Entry {
  readonly key: string
  readonly data: string
  readonly explicitHashKey?: Uint32Array
}

function batchWith(entries: readonly Entry[]): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 1024 * 1024 })
  for (const { key, data, explicitHashKey } of entries) {
    const hashKey = new Uint32Array(4)
    hashPartitionKey(key, hashKey, 0)
    const explicit = explicitHashKey === undefined ? {} : { explicitHashKey }
    builder.tryAdd({ partitionKey: key, data: Buffer.from(data), ...explicit }, explicitHashKey ?? hashKey, 0)
  }
  return builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0 })
}

/** The open shard that holds the key. */
function shardOf(broker: FakeBroker, key: string): number {
  const words = new Uint32Array(4)
  hashPartitionKey(key, words, 0)
  const hash = hashKeyToBigInt(words)
  const holds = ({ range }: { range: HashKeyRange }) =>
    hashKeyToBigInt(range.start) <= hash && hash <= hashKeyToBigInt(range.end)
  return broker.openShards.find(holds)!.index
}

function mergeWithNeighbour(broker: FakeBroker, index: number): void {
  const inOrder = broker.openShards.toSorted((a, b) =>
    hashKeyToBigInt(a.range.start) < hashKeyToBigInt(b.range.start) ? -1 : 1,
  )
  const at = Math.max(
    1,
    inOrder.findIndex((shard) => shard.index === index),
  )
  broker.merge(inOrder[at - 1]!.index, inOrder[at]!.index)
}

/** Stores a record of the key between records of other keys, each in its shard. */
function storeAround(broker: FakeBroker, data: string): void {
  for (const [at, other] of ['bob', 'eve', 'kim', 'joe', 'zoe'].entries()) {
    broker.store(shardOf(broker, other), batchWith([{ key: other, data: `${other} ${data}` }]))
    if (at === 2) broker.store(shardOf(broker, KEY), batchWith([{ key: KEY, data }]))
  }
}

/** Notes every shard that a fetch or a subscription asks for. */
function asked(broker: FakeBroker): Set<number> {
  const indexes = new Set<number>()
  broker.disturb = ({ operation, request }) => {
    if (operation === 'fetch') for (const { shardIndex } of request.shards) indexes.add(shardIndex)
    if (operation === 'subscribe' || operation === 'resolvePosition') indexes.add(request.shardIndex)
    return 'none'
  }
  return indexes
}

const following: [string, (client: Client) => Reading<Uint8Array>][] = [
  ['read', (client) => client.read('clicks', { partitionKey: KEY, follow: true })],
  ['subscribe', (client) => client.subscribe('clicks', { partitionKey: KEY, from: 'TRIM_HORIZON' })],
]

describe('a reading of one key', () => {
  it.each(following)(
    '%s: follows the key through splits and merges, and asks for no other shard',
    async (_how, open) => {
      const broker = new FakeBroker({ shards: 8, hosts: 2 })
      const line = new Set<number>()
      const indexes = asked(broker)
      const { client, end } = await connectTo(broker)
      storeAround(broker, '1')
      line.add(shardOf(broker, KEY))
      const reads = collect(open(client), 4)
      await turns(20)
      broker.split(shardOf(broker, KEY))
      storeAround(broker, '2')
      line.add(shardOf(broker, KEY))
      await turns(20)
      broker.split(shardOf(broker, KEY), shardOf(broker, 'zoe'))
      storeAround(broker, '3')
      line.add(shardOf(broker, KEY))
      mergeWithNeighbour(broker, shardOf(broker, KEY))
      line.add(shardOf(broker, KEY))
      storeAround(broker, '4')
      await expect(driven(reads)).resolves.toEqual(['1', '2', '3', '4'])
      expect([...indexes].filter((index) => !line.has(index))).toEqual([])
      await end()
    },
  )

  it('ends at the tail, where nothing of the key is stored too', async () => {
    const broker = new FakeBroker({ shards: 4 })
    const { client, end } = await connectTo(broker)
    broker.store(shardOf(broker, KEY), batchWith([{ key: 'someone else', data: 'x' }]))
    await expect(driven(collect(client.read('clicks', { partitionKey: KEY })))).resolves.toEqual([])
    await end()
  })

  it('goes on from its position, also within a batch, and has no lag by records of others', async () => {
    const broker = new FakeBroker()
    const entries = ['1', '2', '3'].flatMap((data) => [
      { key: 'bob', data: `bob ${data}` },
      { key: KEY, data },
    ])
    broker.store(0, batchWith(entries))
    broker.store(0, batchWith([{ key: 'bob', data: 'bob' }]))
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { partitionKey: KEY })
    await expect(driven(collect(reading, 2))).resolves.toEqual(['1', '2'])
    const from = JSON.parse(JSON.stringify(reading.position)) as typeof reading.position
    const rest = client.read('clicks', { partitionKey: KEY, from })
    await expect(driven(collect(rest))).resolves.toEqual(['3'])
    expect(rest.millisBehindLatest).toBe(0)
    await end()
  })

  it('leaves out records of the key that have an explicit hash key', async () => {
    const broker = new FakeBroker()
    const explicitHashKey = new Uint32Array(4)
    broker.store(
      0,
      batchWith([
        { key: KEY, data: 'elsewhere', explicitHashKey },
        { key: KEY, data: 'here' },
      ]),
    )
    const { client, end } = await connectTo(broker)
    await expect(driven(collect(client.read('clicks', { partitionKey: KEY })))).resolves.toEqual(['here'])
    await end()
  })

  it('has a position that leads no reading of other keys', async () => {
    const broker = new FakeBroker()
    broker.store(0, batchWith([{ key: KEY, data: '1' }]))
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { partitionKey: KEY })
    await driven(collect(reading))
    const { position } = reading
    for (const options of [{ from: position }, { from: position, partitionKey: 'bob' }]) {
      await expect(driven(collect(client.read('clicks', options)))).rejects.toMatchObject({
        code: 'invalidPosition',
        message: expect.stringContaining(`partitionKey: "${KEY}"`),
      })
    }
    await expect(client.checkpoints('audit').save('clicks', position)).rejects.toMatchObject({
      code: 'invalidArgument',
    })
    await end()
  })

  it('takes the position of a whole reading', async () => {
    const broker = new FakeBroker()
    broker.store(0, batchWith([{ key: KEY, data: '1' }]))
    const { client, end } = await connectTo(broker)
    const whole = client.read('clicks')
    await driven(collect(whole))
    broker.store(
      0,
      batchWith([
        { key: 'bob', data: 'bob' },
        { key: KEY, data: '2' },
      ]),
    )
    const reading = client.read('clicks', { partitionKey: KEY, from: whole.position })
    await expect(driven(collect(reading))).resolves.toEqual(['2'])
    await end()
  })

  it('takes the position of a whole reading that has not finished the shards of other keys', async () => {
    const broker = new FakeBroker({ shards: 4 })
    storeAround(broker, '1')
    const { client, end } = await connectTo(broker)
    const whole = client.read('clicks')
    await driven(whole.started)
    const reading = client.read('clicks', { partitionKey: KEY, from: whole.position })
    await expect(driven(collect(reading))).resolves.toEqual(['1'])
    await driven(whole.close())
    await end()
  })

  it.each([[{ partitionKey: '' }], [{ partitionKey: 'k'.repeat(257) }], [{ partitionKey: '\ud800' }]])(
    'refuses %j as a key',
    async (options) => {
      const { client, end } = await connectTo(new FakeBroker())
      expect(() => client.read('clicks', options)).toThrow(/partitionKey/)
      await end()
    },
  )

  it('refuses a sequence number once the key has been in several shards, and says what to give instead', async () => {
    const broker = new FakeBroker()
    const { client, end } = await connectTo(broker)
    broker.split(0)
    const reading = client.read('clicks', { partitionKey: KEY, from: { atSequenceNumber: 0 } })
    await expect(driven(collect(reading))).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('give a time, or the position of a reading') as string,
    })
    await end()
  })

  it('refuses a key together with a shard', async () => {
    const { client, end } = await connectTo(new FakeBroker())
    const reading = client.read('clicks', { partitionKey: KEY, shard: 'shard-000000000000' })
    await expect(driven(collect(reading))).rejects.toMatchObject({ code: 'invalidArgument' })
    await end()
  })
})

describe('KeyFilter', () => {
  const stored = (entries: readonly Entry[]) => {
    const broker = new FakeBroker()
    broker.store(0, batchWith(entries))
    return Uint8Array.from(broker.shards[0]!.batches[0]!)
  }

  it('leaves out a batch whose bounds leave out the key', () => {
    expect(new KeyFilter(KEY).mayBeIn(stored([{ key: 'bob', data: '' }]))).toBe(false)
    expect(
      new KeyFilter(KEY).mayBeIn(
        stored([
          { key: 'bob', data: '' },
          { key: KEY, data: '' },
        ]),
      ),
    ).toBe(true)
  })

  it('does not believe the bounds of a damaged batch', () => {
    const batch = stored([{ key: 'bob', data: 'some bytes' }])
    for (let at = 0; at < batch.length; at++) {
      const damaged = Uint8Array.from(batch)
      damaged[at]! ^= 0x40
      expect(new KeyFilter(KEY).mayBeIn(damaged), `byte ${at}`).toBe(true)
    }
  })
})
