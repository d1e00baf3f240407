// Readings of a range of hash keys: ranges that together are all of them have each record once, however shards are split and merged.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RangeFilter } from '../../../../client/reading/narrowed/range-filter.ts'
import type { Client, HashKeys, Reading, StreamPosition } from '../../../../client/index.ts'
import { BatchBuilder, hashPartitionKey } from '../../../../protocol/index.ts'
import { hashKeyFromBigInt, hashKeyToBigInt } from '../../../../protocol/shards/hash-key.ts'
import { driven, fakeTime, turns } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'
import { collect, connectTo } from '../../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const MAX = (1n << 128n) - 1n

interface Entry {
  readonly key: string
  readonly data: string
  readonly explicit?: bigint
  /** What the producer says that its hash key is, without storing it. */
  readonly claimed?: bigint
}

function hashOf({ key, explicit, claimed }: Entry): bigint {
  if (explicit !== undefined || claimed !== undefined) return (explicit ?? claimed)!
  const words = new Uint32Array(4)
  hashPartitionKey(key, words, 0)
  return hashKeyToBigInt(words)
}

function batchWith(entries: readonly Entry[]): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 1024 * 1024 })
  for (const entry of entries) {
    const { key, data, explicit } = entry
    const given = explicit === undefined ? {} : { explicitHashKey: hashKeyFromBigInt(explicit) }
    const record = { partitionKey: key, data: Buffer.from(data), ...given }
    builder.tryAdd(record, hashKeyFromBigInt(hashOf(entry)), 0)
  }
  return builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0 })
}

/** Stores records as one batch in each shard that has some. */
function store(broker: FakeBroker, entries: readonly Entry[]): void {
  for (const { index, range } of broker.openShards) {
    const own = entries.filter((entry) => {
      const hash = hashOf(entry)
      return hashKeyToBigInt(range.start) <= hash && hash <= hashKeyToBigInt(range.end)
    })
    if (own.length > 0) broker.store(index, batchWith(own))
  }
}

const names = Array.from({ length: 40 }, (_, i) => `user ${i}`)
const round = (data: string): Entry[] => names.map((key) => ({ key, data: `${key} ${data}` }))

const isIn = ({ from, to }: HashKeys, entry: Entry) =>
  BigInt(from) <= hashOf(entry) && hashOf(entry) <= BigInt(to)

/** Ranges that begin at 0 and at each of the cuts. */
function rangesAt(cuts: readonly bigint[]): HashKeys[] {
  const begins = [...new Set([0n, ...cuts])].toSorted((a, b) => (a < b ? -1 : 1))
  return begins.map((from, i) => ({ from, to: (begins[i + 1] ?? MAX + 1n) - 1n }))
}

const THIRD = MAX / 3n
const middle: HashKeys = { from: THIRD, to: 2n * THIRD }

const following: [string, (client: Client) => Reading<Uint8Array>][] = [
  ['read', (client) => client.read('clicks', { hashKeys: middle, follow: true })],
  ['subscribe', (client) => client.subscribe('clicks', { hashKeys: middle, from: 'TRIM_HORIZON' })],
]

describe('a reading of a range of hash keys', () => {
  it.each(following)('%s: follows splits and merges, and asks for no shard outside', async (_how, open) => {
    const broker = new FakeBroker({ shards: 8, hosts: 2 })
    const asked = new Set<number>()
    broker.disturb = ({ operation, request }) => {
      if (operation === 'fetch') for (const { shardIndex } of request.shards) asked.add(shardIndex)
      if (operation === 'subscribe' || operation === 'resolvePosition') asked.add(request.shardIndex)
      return 'none'
    }
    const { client, end } = await connectTo(broker)
    store(broker, round('1'))
    const wanted = ['1', '2', '3'].flatMap((data) => round(data).filter((entry) => isIn(middle, entry)))
    const reads = collect(open(client), wanted.length)
    await turns(20)
    broker.split(2, 3, 7)
    store(broker, round('2'))
    await turns(20)
    // One of these two holds none of the range.
    broker.merge(1, 8)
    broker.merge(5, 6)
    store(broker, round('3'))
    const read = await driven(reads)
    expect(read.toSorted()).toEqual(wanted.map(({ data }) => data).toSorted())
    for (const key of names)
      expect(read.filter((data) => data.startsWith(`${key} `))).toEqual(
        wanted.filter((entry) => entry.key === key).map(({ data }) => data),
      )
    const holding = broker.shards.filter(
      ({ range }) => hashKeyToBigInt(range.start) <= 2n * THIRD && hashKeyToBigInt(range.end) >= THIRD,
    )
    expect([...asked].filter((index) => !holding.some((shard) => shard.index === index))).toEqual([])
    await end()
  })

  it('each record is in one of ranges that together are all, also with explicit hash keys and false bounds', async () => {
    const hashKey = fc.bigInt({ min: 0n, max: MAX })
    const entry = fc.record(
      { key: fc.constantFrom(...names), explicit: hashKey, claimed: hashKey },
      { requiredKeys: ['key'] },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(entry, { minLength: 1, maxLength: 12 }), { maxLength: 6 }),
        fc.array(hashKey, { maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, cuts, shards) => {
          const broker = new FakeBroker({ shards })
          const { client, end } = await connectTo(broker)
          const stored: string[] = []
          for (const [at, step] of steps.entries()) {
            const entries = step.map(({ key, explicit, claimed }, i): Entry => {
              const data = `${at}.${i}`
              if (explicit !== undefined) return { key, data, explicit }
              return { key, data, ...(claimed !== undefined && { claimed }) }
            })
            store(broker, entries)
            stored.push(...entries.map(({ data }) => data))
            const { openShards } = broker
            broker.split(openShards[at % openShards.length]!.index)
          }
          const read: string[] = []
          for (const hashKeys of rangesAt(cuts))
            read.push(...(await driven(collect(client.read('clicks', { hashKeys })))))
          expect(read.toSorted()).toEqual(stored.toSorted())
          await end()
        },
      ),
      { numRuns: 40 },
    )
  })

  it('goes on from its position, also within a batch, and passes over what is not its own', async () => {
    const broker = new FakeBroker()
    const entries = round('1')
    const [others, own] = [entries.filter((e) => !isIn(middle, e)), entries.filter((e) => isIn(middle, e))]
    broker.store(0, batchWith(entries))
    broker.store(0, batchWith(others))
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { hashKeys: middle })
    const first = await driven(collect(reading, 2))
    const from = JSON.parse(JSON.stringify(reading.position)) as StreamPosition
    const rest = client.read('clicks', { hashKeys: middle, from })
    expect([...first, ...(await driven(collect(rest)))]).toEqual(own.map(({ data }) => data))
    expect(rest.millisBehindLatest).toBe(0)
    expect(Object.values(rest.position.shards)).toEqual([broker.shards[0]!.tail])
    await end()
  })

  it('has a position that leads a reading of fewer hash keys, and none of others', async () => {
    const broker = new FakeBroker()
    store(broker, round('1'))
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { hashKeys: middle })
    await driven(collect(reading))
    const from = JSON.parse(JSON.stringify(reading.position)) as StreamPosition
    const fewer = { from: THIRD + 1n, to: 2n * THIRD - 1n }
    await expect(driven(collect(client.read('clicks', { hashKeys: fewer, from })))).resolves.toEqual([])
    for (const options of [
      { from },
      { from, hashKeys: { from: 0n, to: 2n * THIRD } },
      { from, partitionKey: 'ada' },
    ])
      await expect(driven(collect(client.read('clicks', options)))).rejects.toMatchObject({
        code: 'invalidPosition',
        message: expect.stringContaining(`from ${THIRD} to ${2n * THIRD}`) as string,
      })
    await expect(client.checkpoints('audit').save('clicks', from)).rejects.toMatchObject({
      code: 'invalidArgument',
    })
    await end()
  })

  it('reads of one shard, where it is named, those in the range', async () => {
    const broker = new FakeBroker({ shards: 2 })
    store(broker, round('1'))
    const { client, end } = await connectTo(broker)
    const lower = round('1').filter((entry) => isIn(middle, entry) && hashOf(entry) <= MAX / 2n)
    const reading = client.read('clicks', { hashKeys: middle, shard: '0' })
    await expect(driven(collect(reading))).resolves.toEqual(lower.map(({ data }) => data))
    const outside = client.read('clicks', { hashKeys: { from: MAX - 1n, to: MAX }, shard: '0' })
    await expect(driven(collect(outside))).resolves.toEqual([])
    await end()
  })

  it.each([
    [{ hashKeys: { from: '1' } }, /hashKeys is/],
    [{ hashKeys: { from: 5, to: 7 } }, /hashKeys\.from is 5/],
    [{ hashKeys: { from: '5', to: 'x' } }, /hashKeys\.to: "x" is not a hash key/],
    [{ hashKeys: { from: '5', to: '4' } }, /below/],
    [{ hashKeys: { from: '0', to: (MAX + 1n).toString() } }, /hashKeys\.to/],
  ])('refuses %j', async (options, message) => {
    const { client, end } = await connectTo(new FakeBroker())
    expect(() => client.read('clicks', options as never)).toThrow(message)
    await end()
  })

  it('refuses a range together with a key', async () => {
    const { client, end } = await connectTo(new FakeBroker())
    const reading = client.read('clicks', { hashKeys: middle, partitionKey: 'ada' })
    await expect(driven(collect(reading))).rejects.toMatchObject({ code: 'invalidArgument' })
    await end()
  })
})

describe('RangeFilter', () => {
  const stored = (entries: readonly Entry[]) => {
    const broker = new FakeBroker()
    broker.store(0, batchWith(entries))
    return Uint8Array.from(broker.shards[0]!.batches[0]!)
  }
  const at = (explicit: bigint): Entry => ({ key: 'ada', data: 'some bytes', explicit })

  it('leaves out a batch that lies outside, and takes one that touches the range', () => {
    const filter = new RangeFilter({ from: 10n, to: 20n })
    for (const [keys, isWanted] of [
      [[1n, 9n], false],
      [[1n, 10n], true],
      [[12n], true],
      [[20n, MAX], true],
      [[1n, MAX], true],
      [[21n, 30n], false],
    ] as const)
      expect(filter.mayBeIn(stored(keys.map(at))), `${keys.join()}`).toBe(isWanted)
  })

  it('does not believe the bounds of a damaged batch', () => {
    const filter = new RangeFilter({ from: 10n, to: 20n })
    const batch = stored([at(5n)])
    for (let i = 0; i < batch.length; i++) {
      const damaged = Uint8Array.from(batch)
      damaged[i]! ^= 0x40
      expect(filter.mayBeIn(damaged), `byte ${i}`).toBe(true)
    }
  })
})
