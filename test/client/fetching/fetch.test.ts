// One fetch of one shard: exactly the records that were asked for, from exactly there, and what a program needs to go on.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, staticKeys, type FetchOptions } from '../../../client/index.ts'
import type { RequestOf } from '../../../protocol/operations.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { at, dataOf, fetching, SHARD } from './support/fetching.ts'
import { fill } from '../support/fill.ts'
import { connectTo, values } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

/** The requests for data that a broker gets from now on, and everything else that it is asked. */
function watch(broker: FakeBroker): { fetches: RequestOf<'fetch'>[]; others: string[] } {
  const seen: ReturnType<typeof watch> = { fetches: [], others: [] }
  broker.disturb = (message) => {
    if (message.operation === 'fetch') seen.fetches.push(message.request)
    else seen.others.push(message.operation)
    return 'none'
  }
  return seen
}

describe('records', () => {
  it('are those from the position on, with their numbers, and what is beyond the bound is left for the next fetch', async () => {
    const { fetch, end } = await fetching([4, 4, 2])
    const first = await fetch({ from: at(1), recordsMax: 2 })
    expect(first.records.map(({ sequenceNumber, shardId }) => [sequenceNumber, shardId])).toEqual([
      [1, SHARD],
      [2, SHARD],
    ])
    expect(first).toMatchObject({ next: 3, tail: 10, trimHorizon: 0, isEnd: false, children: [] })
    expect(dataOf(await fetch({ from: at(first.next), recordsMax: 3 }))).toEqual(values(0, 3, 6))
    const last = await fetch({ from: at(6) })
    expect(dataOf(last)).toEqual(values(0, 6, 10))
    expect(last).toMatchObject({ next: 10, tail: 10, millisBehind: 0 })
    await end()
  })

  it('none at the tail, and the same place to go on from', async () => {
    const { fetch, end } = await fetching([3])
    await expect(fetch({ from: at(3) })).resolves.toMatchObject({ records: [], next: 3, millisBehind: 0 })
    await end()
  })

  it('stay within a bound of bytes, save that one record always comes', async () => {
    const { fetch, end } = await fetching([5, 5])
    // A key and data of three bytes each.
    expect(dataOf(await fetch({ bytesMax: 12 }))).toEqual(values(0, 0, 2))
    expect(dataOf(await fetch({ bytesMax: 17 }))).toEqual(values(0, 0, 2))
    expect(dataOf(await fetch({ bytesMax: 18 }))).toEqual(values(0, 0, 3))
    await expect(fetch({ from: at(4), bytesMax: 1 })).resolves.toMatchObject({ next: 5 })
    await end()
  })

  it('come at every kind of position', async () => {
    const { broker, fetch, end } = await fetching([3, 3])
    expect(dataOf(await fetch({ from: 'TRIM_HORIZON' }))).toEqual(values(0, 0, 6))
    expect(dataOf(await fetch({ from: { afterSequenceNumber: 3 } }))).toEqual(values(0, 4, 6))
    expect(dataOf(await fetch({ from: { atTimestamp: 1_700_000_000_002 } }))).toEqual(values(0, 3, 6))
    await expect(fetch({ from: 'LATEST' })).resolves.toMatchObject({ records: [], next: 6 })
    broker.shards[0]!.trim(3)
    expect(dataOf(await fetch({ from: 'TRIM_HORIZON' }))).toEqual(values(0, 3, 6))
    await end()
  })

  it('are decoded by a codec', async () => {
    const { client, end } = await fetching([1])
    const codec = {
      name: 'length',
      encode: () => new Uint8Array(),
      decode: (bytes: Uint8Array) => bytes.length,
    }
    const { records } = await driven(client.fetch('clicks', { shard: '0', from: at(0), codec }))
    expect(records.map(({ data }) => data)).toEqual([3])
    await end()
  })

  it('that are encrypted come as they were', async () => {
    const broker = new FakeBroker()
    const keys = staticKeys({ current: 'a', keys: { a: new Uint8Array(32).fill(7) } })
    const client = await driven(connect('millrace://fake', { dial: broker.dial, encryption: { keys } }))
    await driven(client.put('clicks', { partitionKey: 'k', data: 'secret' }))
    expect(dataOf(await driven(client.fetch('clicks', { shard: '0', from: at(0) })))).toEqual(['secret'])
    await driven(client.close())
    const { client: stranger, end } = await connectTo(broker)
    await expect(driven(stranger.fetch('clicks', { shard: '0', from: at(0) }))).rejects.toMatchObject({
      code: 'keyUnavailable',
    })
    await end()
  })
})

describe('cost', () => {
  it('is one request to the host for a number, and for the oldest record', async () => {
    const { broker, fetch, end } = await fetching([3])
    await fetch()
    const seen = watch(broker)
    await fetch({ from: at(1) })
    await fetch({ from: 'TRIM_HORIZON' })
    expect(seen.fetches.map(({ shards }) => shards[0]!.sequenceNumber)).toEqual([1, 0])
    expect(seen.others).toEqual([])
    await end()
  })

  it('few records are asked for by few bytes, and large ones come all the same', async () => {
    const { broker, client, fetch, end } = await fetching([])
    for (let i = 0; i < 6; i++) {
      await driven(client.put('clicks', { partitionKey: 'a', data: new Uint8Array(50_000) }))
    }
    const seen = watch(broker)
    expect((await fetch({ recordsMax: 1 })).records).toHaveLength(1)
    expect(seen.fetches.map(({ bytesMax }) => bytesMax)).toEqual([64 * 1024])
    const four = await fetch({ from: at(1), recordsMax: 4 })
    expect(four).toMatchObject({ next: 5, tail: 6 })
    expect(four.records.map(({ sequenceNumber }) => sequenceNumber)).toEqual([1, 2, 3, 4])
    expect(seen.fetches.slice(1).map(({ shards }) => shards[0]!.sequenceNumber)).toEqual([1, 2])
    broker.shards[0]!.limitTo({ readBytesPerSecond: 1 })
    await expect(fetch({ recordsMax: 4 })).resolves.toMatchObject({ next: 1, tail: 6, isEnd: false })
    await end()
  })

  it('records that are not returned are not decoded', async () => {
    const { client, end } = await fetching([1000])
    const decode = vi.fn<(bytes: Uint8Array) => Uint8Array>((bytes) => bytes)
    const codec = { name: 'counted', encode: (data: Uint8Array) => data, decode }
    const options = { shard: SHARD, from: at(500), recordsMax: 2, codec }
    const { records } = await driven(client.fetch('clicks', options))
    expect(records.map(({ data }) => Buffer.from(data).toString())).toEqual(values(0, 500, 502))
    expect(decode).toHaveBeenCalledTimes(2)
    await end()
  })
})

describe('waiting', () => {
  it('waits for a record as long as it is told', async () => {
    const { broker, client, end } = await fetching([1])
    const waiting = client.fetch('clicks', { shard: SHARD, from: at(1), waitMs: 20_000 })
    await pass(10_000, 1000)
    fill(broker, 0, [1])
    expect(dataOf(await driven(waiting))).toEqual(['0:1'])
    const empty = client.fetch('clicks', { shard: SHARD, from: at(2), waitMs: 20_000 })
    await expect(driven(empty, { stepMs: 1000 })).resolves.toMatchObject({ records: [], next: 2 })
    await end()
  })

  it('ends by its signal, and when the client closes', async () => {
    const { client, end } = await fetching([1])
    const ending = new AbortController()
    const options = { shard: SHARD, from: at(1), waitMs: 20_000 }
    const [aborted, closed] = [
      client.fetch('clicks', { ...options, signal: ending.signal }),
      client.fetch('clicks', options),
    ]
    const outcomes = Promise.allSettled([aborted, closed])
    await turns()
    ending.abort()
    await end()
    expect(await driven(outcomes)).toMatchObject([
      { reason: { code: 'aborted' } },
      { reason: { code: 'closed' } },
    ])
    await expect(client.fetch('clicks', options)).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('how far it is behind', () => {
  it('is the age of its last record by the clock of the host, and 0 only at the tail', async () => {
    const broker = new FakeBroker()
    broker.usesClock = true
    broker.clockSkewMs = 3_600_000
    const { fetch, end } = await fetching([2, 2], broker)
    const before = Date.now()
    await pass(5000, 500)
    const { millisBehind } = await fetch({ recordsMax: 1 })
    expect(millisBehind).toBeGreaterThanOrEqual(5000)
    expect(millisBehind).toBeLessThanOrEqual(Date.now() - before)
    expect((await fetch()).millisBehind).toBe(0)
    fill(broker, 0, [2])
    expect((await fetch({ from: at(4), recordsMax: 1 })).millisBehind).toBeGreaterThan(0)
    await end()
  })
})

describe('refusals', () => {
  it('limits that are used up reject at once and say when to come again', async () => {
    const { broker, fetch, end } = await fetching([3])
    broker.shards[0]!.limitTo({ readBytesPerSecond: 1 })
    const begun = performance.now()
    await fetch()
    await expect(fetch()).rejects.toMatchObject({
      code: 'provisionedThroughputExceeded',
      retryAfterMs: expect.any(Number) as number,
    })
    expect(performance.now() - begun).toBeLessThan(500)
    await end()
  })

  it('records that have expired are refused, or left out', async () => {
    const { broker, fetch, end } = await fetching([3, 3])
    broker.shards[0]!.trim(3)
    await expect(fetch()).rejects.toMatchObject({ code: 'trimmed' })
    const onward = await fetch({ onTrimmed: 'horizon' })
    expect(dataOf(onward)).toEqual(values(0, 3, 6))
    expect(onward.trimHorizon).toBe(3)
    await end()
  })

  it.each<[string, Partial<FetchOptions>, string]>([
    ['a number above the tail', { from: at(9) }, 'invalidPosition'],
    ['a shard that there is not', { shard: '7' }, 'shardNotFound'],
    ['another stream of the name', { streamId: 99 }, 'streamNotFound'],
    ['no shard', { shard: undefined as never }, 'invalidArgument'],
    ['no position', { from: undefined as never }, 'invalidArgument'],
    [
      'the position of a stream',
      { from: { streamId: 1, shardsBelow: 0, shards: {} } as never },
      'invalidArgument',
    ],
    ['no records', { recordsMax: 0 }, 'invalidArgument'],
  ])('%s', async (_what, options, code) => {
    const { fetch, end } = await fetching([3])
    await expect(fetch(options)).rejects.toMatchObject({ code })
    await end()
  })

  it('a stream that is gone, and one that was made again where another is meant', async () => {
    const { broker, fetch, end } = await fetching([3])
    const { streamId } = broker
    await fetch({ streamId })
    broker.exists = false
    await expect(fetch()).rejects.toMatchObject({ code: 'streamNotFound' })
    await end()
  })

  it.each<[string, (response: ReturnType<typeof answered>) => object]>([
    [
      'batches that do not lead on',
      ({ shards: [shard] }) => ({ shards: [{ ...shard, nextSequenceNumber: 9 }] }),
    ],
    ['an end before the tail', ({ shards: [shard] }) => ({ shards: [{ ...shard, ended: true, tail: 9 }] })],
    ['no answer for the shard', () => ({ shards: [] })],
  ])('%s, which no sound host answers', async (_what, change) => {
    const { broker, fetch, end } = await fetching([3])
    broker.rewrite = (operation, response) =>
      operation === 'fetch' ? change(response as ReturnType<typeof answered>) : response
    await expect(fetch()).rejects.toMatchObject({ code: 'invalidAnswer' })
    await end()
  })
})

/** Only its type matters. */
function answered(): { shards: [object] } {
  throw new Error('never called')
}

describe('trouble on the way', () => {
  it.each(['lostBefore', 'lostAfter', { refuse: 'overloaded' }, { refuse: 'shardNotFound' }] as const)(
    '%j: asks again',
    async (trouble) => {
      const { broker, fetch, end } = await fetching([3])
      let left = 2
      broker.disturb = ({ operation }) => (operation === 'fetch' && left-- > 0 ? trouble : 'none')
      expect(dataOf(await fetch())).toEqual(values(0, 0, 3))
      await end()
    },
  )

  it('finds a shard that has moved to another host', async () => {
    const { broker, fetch, end } = await fetching([3], new FakeBroker({ hosts: 2 }))
    await fetch()
    broker.shards[0]!.hostId = 2
    expect(dataOf(await fetch())).toEqual(values(0, 0, 3))
    await end()
  })
})

describe('the end of a closed shard', () => {
  it('names the children after a split, with their parents and ranges, and only once all is read', async () => {
    const { broker, fetch, end } = await fetching([3])
    await fetch()
    broker.split(0)
    await expect(fetch({ recordsMax: 2 })).resolves.toMatchObject({ isEnd: false, children: [] })
    const last = await fetch({ from: at(2) })
    expect(dataOf(last)).toEqual(values(0, 2, 3))
    const half = 2n ** 127n
    expect(last).toMatchObject({
      isEnd: true,
      next: 3,
      millisBehind: 0,
      children: [
        {
          shardId: 'shardId-000000000001',
          parentShardIds: [SHARD],
          hashKeyRange: { startingHashKey: '0', endingHashKey: String(half - 1n) },
        },
        {
          shardId: 'shardId-000000000002',
          parentShardIds: [SHARD],
          hashKeyRange: { startingHashKey: String(half), endingHashKey: String(2n * half - 1n) },
        },
      ],
    })
    const child = last.children[0]!
    const from = at(child.startingSequenceNumber)
    await expect(fetch({ shard: child.shardId, from })).resolves.toMatchObject({ records: [], isEnd: false })
    await expect(fetch({ from: 'LATEST' })).resolves.toMatchObject({ isEnd: true })
    await end()
  })

  it('names one child with two parents after a merge', async () => {
    const broker = new FakeBroker({ shards: 2 })
    const { fetch, end } = await fetching([2], broker)
    broker.merge(0, 1)
    const parentShardIds = [SHARD, 'shardId-000000000001']
    for (const shard of parentShardIds) {
      const { children } = await fetch({ shard, from: 'TRIM_HORIZON' })
      expect(children).toMatchObject([{ shardId: 'shardId-000000000002', parentShardIds }])
    }
    await end()
  })

  it('waits until the controller tells of the children', async () => {
    const { broker, client, fetch, end } = await fetching([3])
    await fetch()
    broker.seal(0)
    const last = client.fetch('clicks', { shard: SHARD, from: at(0) })
    await pass(100)
    broker.split(0)
    expect((await driven(last)).children).toHaveLength(2)
    await end()
  })
})

describe('a position as a number', () => {
  it('is resolved without a read, for every kind of position', async () => {
    const { broker, client, end } = await fetching([3, 3])
    const resolve = (from: FetchOptions['from']) =>
      driven(client.resolvePosition('clicks', { shard: SHARD, from }))
    expect(await resolve('LATEST')).toEqual({ sequenceNumber: 6, tail: 6, trimHorizon: 0 })
    broker.shards[0]!.trim(3)
    expect(await resolve('TRIM_HORIZON')).toEqual({ sequenceNumber: 3, tail: 6, trimHorizon: 3 })
    const seen = watch(broker)
    await expect(resolve({ afterSequenceNumber: 3 })).resolves.toMatchObject({ sequenceNumber: 4 })
    await expect(resolve({ atTimestamp: 1_700_000_000_002 })).resolves.toMatchObject({ sequenceNumber: 3 })
    await expect(resolve(at(2))).rejects.toMatchObject({ code: 'trimmed' })
    await expect(resolve(at(9))).rejects.toMatchObject({ code: 'invalidPosition' })
    expect(seen.fetches).toEqual([])
    expect(new Set(seen.others)).toEqual(new Set(['resolvePosition']))
    await end()
  })

  it.each<[string, object, string]>([
    ['a shard that there is not', { shard: '7' }, 'shardNotFound'],
    ['another stream of the name', { streamId: 99 }, 'streamNotFound'],
    ['no shard', { shard: undefined }, 'invalidArgument'],
    ['no position', { from: undefined }, 'invalidArgument'],
    ['an option of a fetch', { recordsMax: 1 }, 'invalidArgument'],
  ])('is refused for %s', async (_what, options, code) => {
    const { client, end } = await fetching([3])
    const given = { shard: SHARD, from: 'LATEST' as const, ...options }
    await expect(driven(client.resolvePosition('clicks', given))).rejects.toMatchObject({ code })
    await end()
  })
})
