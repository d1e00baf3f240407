// Promises of observed loads: counters of what is asked, the hot key, and where a shard divides, within a budget.
import { createSecretKey, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { KeySample } from '../../../../broker/host/load/key-sample.ts'
import { KeySampler } from '../../../../broker/host/load/key-sampler.ts'
import type { HotKey } from '../../../../broker/host-contract.ts'
import { HostedShard } from '../../../../broker/host/shards/hosted-shard.ts'
import { loadsOf } from '../../../../broker/host/load/loads.ts'
import {
  BATCH_HEADER_BYTES,
  BatchBuilder,
  batchOffsets,
  bodyCrcOf,
  encryptBatch,
  hashKeyToHex,
  hashPartitionKey,
  recordsStartAt,
  type Compression,
} from '../../../../protocol/index.ts'
import { payloadBytesAt } from '../../../../protocol/batch/payload.ts'
import { randomOf } from '../../../support/random.ts'
import { FakeSession } from '../support/fake-session.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'
import { placedShard, startTestHost, STREAM, type TestHost } from '../support/test-host.ts'

const producer = new FakeSession()

const samplingRandom = randomOf(5)

/** A batch with a record of so many bytes for each key. */
function batchOf(
  keys: readonly string[],
  options: { dataBytes?: number; codec?: Compression } = {},
): Uint8Array {
  const { dataBytes = 100, codec = 'none' } = options
  const builder = new BatchBuilder({ bytesMax: 1 << 22, random: samplingRandom.next })
  const words = new Uint32Array(4)
  for (const partitionKey of keys) {
    hashPartitionKey(partitionKey, words, 0)
    builder.tryAdd({ partitionKey, data: Buffer.alloc(dataBytes) }, words, 0)
  }
  return builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0, codec })
}

/** As a client sends it that tells nothing of the keys in it. */
function withoutSample(batch: Uint8Array): Uint8Array {
  const start = recordsStartAt(batch, 0)
  const plain = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), batch.subarray(start)])
  plain.writeUInt16LE(batch[batchOffsets.attributes]! & 7, batchOffsets.attributes)
  plain.writeUInt32LE(plain.length, batchOffsets.batchLength)
  plain.writeUInt32LE(bodyCrcOf(plain), batchOffsets.bodyCrc)
  return plain
}

const encryptionRandom = randomOf(3)

/** As a client sends it that leaves the broker no key. */
function encrypted(batch: Uint8Array): Uint8Array {
  const key = { id: 'key', secret: createSecretKey(randomBytes(32)) }
  return encryptBatch(batch, { key, stream: 'clicks', nonce: randomBytes(24), random: encryptionRandom.next })
}

function hashKeyOf(partitionKey: string): string {
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return hashKeyToHex(words)
}

const append = (host: TestHost, ...batches: readonly Uint8Array[]) => host.append(producer, ...batches)
/** Of the first shard. */
function loadOf(host: TestHost): { bytes: number; records: number; hot: HotKey | null } {
  const { counters, hot } = host.engine.loads()
  const [, , bytes = 0, records = 0] = counters
  return { bytes, records, hot: hot.get(0) ?? null }
}
const balanceOf = (host: TestHost) => host.engine.balanceOf({ streamId: STREAM, shardIndex: 0 })

describe('counters', () => {
  it('rise with what is stored and what is throttled, and not with what is refused otherwise', async () => {
    const shardLimits = { ...noShardLimits, writeBytesPerSecond: 50 }
    const settings = { ...placedShard(0).settings, shardLimits }
    const host = await startTestHost({ shards: [placedShard(0, { settings }), placedShard(1)] })
    await append(host, batchOf(['a', 'b']))
    await append(host, batchOf(['c']), new Uint8Array(200))
    const { counters, hot } = host.engine.loads()
    expect([...counters]).toEqual([STREAM, 0, 3 * 101, 3, STREAM, 1, 0, 0])
    expect(hot.size).toBe(0)
  })

  it('count what is throttled again and again no more than what is stored beside it', async () => {
    const shardLimits = { ...noShardLimits, writeBytesPerSecond: 1000 }
    const settings = { ...placedShard(0).settings, shardLimits }
    const host = await startTestHost({ shards: [placedShard(0, { settings })] })
    let stored = 0
    for (let i = 0; i < 600; i++) {
      const { results } = await append(host, batchOf(['a']))
      if (results[0]!.code === 0) stored += 101
      host.time.advance(10)
    }
    expect(loadOf(host).bytes).toBeGreaterThan(1.9 * stored)
    expect(loadOf(host).bytes).toBeLessThanOrEqual(2 * stored + 101)
    // What was stored long ago lets nothing more count.
    host.time.advance(60_000)
    await append(host, batchOf(['a'], { dataBytes: 9000 }))
    const before = loadOf(host).bytes
    for (let i = 0; i < 600; i++) await append(host, batchOf(['a']))
    expect(loadOf(host).bytes - before).toBeLessThanOrEqual(2 * 9001)
  })

  it('leave out what the owner refuses, which comes again', async () => {
    const host = await startTestHost()
    await append(host, batchOf(['a']))
    for (const code of ['outOfOrderSequence', 'overloaded'] as const) {
      host.owner.refuse = () => code
      await append(host, batchOf(['b']))
    }
    expect(loadOf(host)).toMatchObject({ bytes: 101, records: 1 })
  })

  it('are not told of closed shards', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    await host.engine.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children: [2, 3] }] })
    expect([...host.engine.loads().counters]).toEqual([STREAM, 1, 0, 0])
    expect(balanceOf(host)).toBeNull()
    expect(host.engine.balanceOf({ streamId: STREAM, shardIndex: 99 })).toBeNull()
  })
})

describe('the hot key', () => {
  it('is the one with the largest part of the bytes, and its part', async () => {
    const host = await startTestHost()
    for (let i = 0; i < 200; i++) {
      await append(host, batchOf(['hot'], { dataBytes: 600 }), batchOf([`key ${i}`], { dataBytes: 400 }))
      host.time.advance(150)
    }
    const { hot } = loadOf(host)
    expect(hot!.hashKey).toBe(hashKeyOf('hot'))
    expect(hot!.part).toBeGreaterThan(0.45)
    expect(hot!.part).toBeLessThan(0.75)
  })

  it('is seen in compressed batches of many keys, by what they tell of them', async () => {
    const host = await startTestHost()
    for (let i = 0; i < 150; i++) {
      const others = Array.from({ length: 50 }, (_, j) => `key ${i * 50 + j}`)
      const hot = Array.from({ length: 50 }, () => 'hot')
      await append(host, batchOf([...others, ...hot], { codec: 'gzip' }))
      host.time.advance(150)
    }
    const { hot } = loadOf(host)
    expect(hot!.hashKey).toBe(hashKeyOf('hot'))
    expect(hot!.part).toBeGreaterThan(0.3)
    expect(hot!.part).toBeLessThan(0.7)
  })

  it('is not told where the load is even', async () => {
    const host = await startTestHost()
    for (let i = 0; i < 200; i++) await append(host, batchOf([`key ${i % 20}`], { dataBytes: 400 }))
    expect(balanceOf(host)).not.toBeNull()
    expect(loadOf(host).hot).toBeNull()
  })

  it('is not told before enough was seen, and forgotten when it was long ago', async () => {
    const host = await startTestHost()
    await append(host, batchOf(['hot']))
    expect(loadOf(host).hot).toBeNull()
    for (let i = 0; i < 60; i++) await append(host, batchOf(['hot']))
    expect(loadOf(host).hot).toEqual({ hashKey: hashKeyOf('hot'), part: 1 })
    host.time.advance(10 * 60_000)
    expect(loadOf(host).hot).toBeNull()
    expect(balanceOf(host)).toBeNull()
  })

  it('is seen in compressed batches of one key, and held to be no more than it is beside others', async () => {
    const host = await startTestHost()
    const many = Array.from({ length: 50 }, (_, i) => `key ${i}`)
    for (let i = 0; i < 100; i++) {
      await append(
        host,
        batchOf(
          Array.from({ length: 50 }, () => 'hot'),
          { codec: 'gzip' },
        ),
      )
      await append(host, batchOf(many, { codec: 'gzip' }))
      host.time.advance(130)
    }
    const { hot } = loadOf(host)
    expect(hot!.hashKey).toBe(hashKeyOf('hot'))
    expect(hot!.part).toBeLessThan(0.7)
  })
})

describe('the balanced point', () => {
  it.each([
    ['as it is', (keys: readonly string[]) => batchOf(keys)],
    ['compressed', (keys: readonly string[]) => batchOf(keys, { codec: 'gzip' })],
    ['encrypted', (keys: readonly string[]) => encrypted(batchOf(keys))],
  ] as const)('halves the load that was observed, %s', async (_, made) => {
    const host = await startTestHost()
    const keys = Array.from({ length: 2000 }, (_, i) => `key ${i}`)
    // Nine tenths of the load lie in the lowest quarter of the range.
    const low = keys.filter((key) => hashKeyOf(key) < '4')
    const random = randomOf(7)
    const pick = (from: readonly string[]) => from[Math.floor(random.next() * from.length)]!
    for (let i = 0; i < 150; i++) {
      const picked = Array.from({ length: 100 }, () => pick(random.next() < 0.9 ? low : keys))
      await append(host, made(picked))
      host.time.advance(250)
    }
    const key = balanceOf(host)!
    const below = low.filter((one) => hashKeyOf(one) < key).length / low.length
    expect(0.925 * below).toBeGreaterThan(0.4)
    expect(0.925 * below).toBeLessThan(0.6)
  })

  it('is soon there for a burst, and null for a trickle', async () => {
    const host = await startTestHost()
    await append(host, batchOf(['a']), batchOf(['b']))
    expect(balanceOf(host)).toBeNull()
    const keys = Array.from({ length: 500 }, (_, i) => `key ${i}`)
    await append(host, ...Array.from({ length: 5 }, () => batchOf(keys)))
    const half = Number.parseInt(balanceOf(host)!.slice(0, 4), 16) / 0x10000
    expect(half).toBeGreaterThan(0.2)
    expect(half).toBeLessThan(0.8)
  })
})

describe('the sampler', () => {
  const extent = {
    slot: 1,
    trimHorizon: 0,
    tail: 0,
    lastArrivalTime: 0,
    bytes: 0,
    activeFirst: 0,
    closed: false,
  }
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`)
  let sampler: KeySampler
  let looks: { mock: { calls: unknown[] } }
  beforeEach(() => {
    sampler = new KeySampler(randomOf(7).next)
    looks = vi.spyOn(KeySample.prototype, 'add')
  })
  afterEach(() => vi.restoreAllMocks())

  function offer(shard: HostedShard, batch: Uint8Array, now: number): void {
    const bytes = payloadBytesAt(batch, 0)
    shard.load.stored(bytes, 1, now)
    sampler.offer(shard, batch, bytes, now)
  }

  it('looks at a few hundred records a second, however many shards are busy', () => {
    const shards = Array.from({ length: 200 }, (_, i) => new HostedShard(placedShard(i), extent))
    const batch = batchOf(keys)
    for (let ms = 0; ms < 10_000; ms += 10) for (const shard of shards) offer(shard, batch, ms)
    expect(looks.mock.calls.length).toBeGreaterThan(3000)
    expect(looks.mock.calls.length).toBeLessThan(5000)
    expect(shards.filter(({ load }) => load.sample).length).toBeGreaterThan(40)
  })

  it('looks at a busy shard a few times a second', () => {
    const shard = new HostedShard(placedShard(0), extent)
    const batch = batchOf(keys)
    for (let ms = 0; ms < 10_000; ms++) offer(shard, batch, ms)
    const batches = looks.mock.calls.length / 8
    expect(batches).toBeGreaterThan(20)
    expect(batches).toBeLessThan(80)
    expect(shard.load.sample!.tells).toBe(true)
  })

  it('looks no more often at a shard whose keys it cannot see, and leaves the others their looks', () => {
    const blind = vi.spyOn(KeySample.prototype, 'addUnknown')
    const [hidden, seen] = [0, 1].map((index) => new HostedShard(placedShard(index), extent))
    const [packed, open] = [withoutSample(batchOf(keys, { codec: 'gzip' })), batchOf(keys)]
    for (let ms = 0; ms < 10_000; ms++) {
      for (let i = 0; i < 10; i++) offer(hidden!, packed, ms)
      if (ms % 100 === 0) offer(seen!, open, ms)
    }
    expect(blind.mock.calls.length).toBeLessThan(200)
    expect(looks.mock.calls.length).toBeGreaterThan(8 * 20)
    expect(loadsOf([hidden!, seen!], 10_000).hot.size).toBe(0)
  })

  it('lets go of what it knows of a shard that has fallen silent', () => {
    const shard = new HostedShard(placedShard(0), extent)
    const batch = batchOf(keys)
    for (let ms = 0; ms < 10_000; ms++) offer(shard, batch, ms)
    loadsOf([shard], 60_000)
    expect(shard.load.sample).toBeDefined()
    loadsOf([shard], 1_200_000)
    expect(shard.load.sample).toBeUndefined()
    offer(shard, batch, 1_200_001)
    expect(shard.load.sample).toBeDefined()
  })

  it('sees as much of each producer as he brings, in whatever order and sizes they send', () => {
    const shard = new HostedShard(placedShard(0), extent)
    const large = batchOf(['large'], { dataBytes: 3000 })
    const small = batchOf(['small'], { dataBytes: 100 })
    for (let ms = 0; ms < 60_000; ms += 50)
      for (let i = 0; i < 11; i++) offer(shard, i < 1 ? large : small, ms)
    const { hashKey, part } = shard.load.sample!.hot!
    expect(hashKey).toBe(hashKeyOf('large'))
    expect(part).toBeGreaterThan(0.65) // 3000 of 4000 bytes
    expect(part).toBeLessThan(0.85)
  })
})
