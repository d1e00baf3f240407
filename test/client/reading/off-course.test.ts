// Hosts and controllers whose answers do not lead on: a reading ends with an error that says so, or asks ever more seldom.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Client, Reading } from '../../../client/index.ts'
import type { FetchedShard, ResponseOf, RoutedShard } from '../../../protocol/operations.ts'
import { errorCodes } from '../../../protocol/error-codes.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { batchOf, fill } from '../support/fill.ts'
import { collect, connectTo } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

/** A broker that changes what it answers for the one shard of a fetch; `count` counts fetches from 1. */
function fetchingAs(
  broker: FakeBroker,
  change: (answer: FetchedShard, count: number) => object,
): () => number {
  let fetches = 0
  broker.rewrite = (operation, answer) => {
    if (operation !== 'fetch') return answer
    fetches++
    const { shards } = answer as ResponseOf<'fetch'>
    return { ...answer, shards: shards.map((shard) => ({ ...shard, ...change(shard, fetches) })) }
  }
  return () => fetches
}

const read = (client: Client) => client.read('clicks', { follow: true, maxWaitMs: 1000 })

async function refused(broker: FakeBroker, reading: (client: Client) => Reading<Uint8Array>, says: RegExp) {
  const { client, end } = await connectTo(broker)
  const got: string[] = []
  const loop = async () => {
    for await (const { data } of reading(client)) got.push(Buffer.from(data).toString())
  }
  await expect(driven(loop(), { limitMs: 60_000 })).rejects.toMatchObject({
    code: 'invalidAnswer',
    message: expect.stringMatching(says) as string,
  })
  await end()
  expect(vi.getTimerCount()).toBe(0)
  return got
}

describe('an answer to a fetch', () => {
  it.each<[string, (answer: FetchedShard) => object, RegExp]>([
    [
      'goes back',
      () => ({ batches: [], nextSequenceNumber: 0 }),
      /does not lead on from 3: it holds 0 batches, up to 0/,
    ],
    [
      'passes records over',
      () => ({ batches: [], nextSequenceNumber: 9 }),
      /from 3: it holds 0 batches, up to 9/,
    ],
    ['brings records and stays', () => ({ nextSequenceNumber: 3 }), /from 3: it holds 1 batch, up to 3/],
    [
      'brings other records',
      ({ batches }) => ({ batches: batches.slice(1), nextSequenceNumber: 9 }),
      /0 batches, up to 9/,
    ],
    [
      'brings records again',
      ({ batches }) => ({ batches: [...batches, ...batches], nextSequenceNumber: 5 }),
      /from 3: it holds 2 batches, up to 5/,
    ],
    [
      'ends a shard that goes on',
      () => ({ batches: [], nextSequenceNumber: 3, ended: true }),
      /read to its end, with 3/,
    ],
    ['answers for no shard', () => ({}), /answered a fetch of 1 shard with 2/],
  ])('%s: refused', async (what, change, says) => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    fetchingAs(broker, (answer, count) => {
      if (count === 1) fill(broker, 0, [2])
      return count === 1 ? {} : change(answer)
    })
    if (what === 'answers for no shard') {
      broker.rewrite = (operation, answer) =>
        operation === 'fetch'
          ? { shards: [...(answer as ResponseOf<'fetch'>).shards, ...(answer as ResponseOf<'fetch'>).shards] }
          : answer
    }
    const got = await refused(broker, read, says)
    expect(got).toEqual(what === 'answers for no shard' ? [] : ['0:0', '0:1', '0:2'])
  })

  it('that keeps back the records of which it tells, is refused when it does so again and again', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    const fetches = fetchingAs(broker, () => ({ batches: [], nextSequenceNumber: 0 }))
    await refused(
      broker,
      read,
      /tells of records from 0 to 2, and has answered 10 requests for them with none/,
    )
    expect(fetches()).toBe(10)
  })

  it('says that records have expired behind which it does not begin: refused', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    fetchingAs(broker, () => ({
      code: errorCodes.trimmed.id,
      batches: [],
      nextSequenceNumber: 0,
      trimHorizon: 0,
    }))
    await refused(
      broker,
      (client) => client.read('clicks', { onTrimmed: 'horizon' }),
      /cannot be read from 0 .* begins at 0/,
    )
  })

  it('tells of damage elsewhere than where reading goes on: refused', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    const damage = { firstSequenceNumber: 2, nextSequenceNumber: 3, reason: 'torn' }
    fetchingAs(broker, () => ({
      code: errorCodes.corruptData.id,
      batches: [],
      nextSequenceNumber: 0,
      damage,
    }))
    const skipped: unknown[] = []
    await refused(
      broker,
      (client) => client.read('clicks', { onUnreadable: (each) => skipped.push(each) }),
      /up to 2/,
    )
    expect(skipped).toEqual([])
  })
})

describe('a host that answers at once with nothing', () => {
  it('is asked ever more seldom, and is heard as soon as it has something', async () => {
    const broker = new FakeBroker()
    broker.disturb = ({ operation, ...message }) => {
      if (operation === 'fetch') Object.assign((message as { request: object }).request, { waitMs: 0 })
      return 'none'
    }
    const { client, end } = await connectTo(broker)
    const values = collect(read(client), 1)
    await pass(2000, 10)
    // A backoff of 20 ms at most, of which half is random.
    const fetches = broker.received.filter((operation) => operation === 'fetch').length
    expect(fetches).toBeLessThan(250)
    fill(broker, 0, [1])
    expect(await driven(values)).toEqual(['0:0'])
    await end()
  })

  it.each([
    ['not to wait', 0],
    ['to wait for ages', Number.MAX_SAFE_INTEGER],
  ])('because limits are used up, and asks %s: is asked now and then', async (_how, retryAfterMs) => {
    const broker = new FakeBroker()
    fill(broker, 0, [1])
    let isLimited = true
    const fetches = fetchingAs(broker, () =>
      isLimited
        ? {
            code: errorCodes.provisionedThroughputExceeded.id,
            batches: [],
            nextSequenceNumber: 0,
            retryAfterMs,
          }
        : {},
    )
    const { client, end } = await connectTo(broker)
    const values = collect(read(client), 1)
    await pass(2000, 10)
    expect(fetches()).toBeGreaterThan(0)
    expect(fetches()).toBeLessThan(30)
    isLimited = false
    expect(await driven(values, { stepMs: 1000 })).toEqual(['0:0'])
    await end()
  })
})

describe('a subscription', () => {
  const subscribe = (client: Client) => client.subscribe('clicks', { from: 'TRIM_HORIZON' })

  it.each<[string, (broker: FakeBroker) => void, RegExp]>([
    [
      'sends again what it has sent',
      (broker) => ((broker.subscriptions()[0]!.next = 0), broker.store(0, batchOf(['x']))),
      /from 3: it holds 1 batch, up to 3/,
    ],
    [
      'passes records over',
      (broker) => ((broker.subscriptions()[0]!.next = 4), fill(broker, 0, [1, 1])),
      /from 3: it holds 1 batch, up to 5/,
    ],
    [
      'goes back in a heartbeat',
      (broker) => ((broker.subscriptions()[0]!.next = 1), broker.beat()),
      /from 3: it holds 0 batches, up to 1/,
    ],
    [
      'goes ahead in a heartbeat',
      (broker) => ((broker.subscriptions()[0]!.next = 7), broker.beat()),
      /from 3: it holds 0 batches, up to 7/,
    ],
    [
      'ends before the end',
      (broker) => {
        const shard = broker.shards[0]!
        shard.store(batchOf(['a', 'b', 'c', 'd', 'e']), broker.time)
        shard.seal()
        broker.subscriptions()[0]!.next = 8
        broker.store(1, batchOf(['x']))
      },
      /from 3: it holds 0 batches, up to 8/,
    ],
  ])('%s: refused', async (_what, change, says) => {
    const broker = new FakeBroker({ shards: 2 })
    fill(broker, 0, [3])
    const { client, end } = await connectTo(broker)
    const got = collect(client.subscribe('clicks', { from: 'TRIM_HORIZON', shard: '0' }))
    got.catch(() => {})
    await turns(20)
    change(broker)
    await expect(driven(got)).rejects.toMatchObject({
      code: 'invalidAnswer',
      message: expect.stringMatching(says) as string,
    })
    await end()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('begins elsewhere than it was to: refused', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    broker.rewrite = (operation, answer) =>
      operation === 'subscribe' ? { ...answer, sequenceNumber: 2 } : answer
    await refused(broker, subscribe, /from 0: it holds 0 batches, up to 2/)
  })

  it('ends as expired again and again, and does not begin further up: refused', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    broker.disturb = ({ operation }) => {
      if (operation === 'subscribe') setImmediate(() => broker.endSubscriptions('trimmed'))
      return 'none'
    }
    broker.rewrite = (operation, answer) =>
      operation === 'subscribe' ? { ...answer, sequenceNumber: 0 } : answer
    const reading = (client: Client) =>
      client.subscribe('clicks', { from: 'TRIM_HORIZON', onTrimmed: 'horizon' })
    await refused(broker, reading, /cannot be read from 3 .* begins at 0/)
  })

  it('is refused as expired at its horizon too: ends the reading', async () => {
    const broker = new FakeBroker()
    broker.disturb = ({ operation }) => (operation === 'subscribe' ? { refuse: 'trimmed' } : 'none')
    const { client, end } = await connectTo(broker)
    const reading = client.subscribe('clicks', { onTrimmed: 'horizon' })
    await expect(driven(collect(reading))).rejects.toMatchObject({ code: 'trimmed' })
    expect(broker.received.filter((operation) => operation === 'subscribe')).toHaveLength(2)
    await end()
  })

  it('that is ended as soon as it has begun is begun ever more seldom', async () => {
    const broker = new FakeBroker()
    broker.disturb = ({ operation }) => {
      if (operation === 'subscribe') setImmediate(() => broker.endSubscriptions('slowConsumer'))
      return 'none'
    }
    const { client, end } = await connectTo(broker)
    const reading = client.subscribe('clicks')
    await pass(2000, 10)
    // A backoff of 20 ms at most, of which half is random.
    expect(broker.received.filter((operation) => operation === 'subscribe').length).toBeLessThan(250)
    await reading.close()
    await end()
  })
})

describe('a place to begin', () => {
  it.each<[string, object, RegExp]>([
    [
      'another number than was asked for',
      { sequenceNumber: 1, trimHorizon: 0, tail: 3 },
      /asked for 2, answered 1/,
    ],
    [
      'a number above the tail',
      { sequenceNumber: 2, trimHorizon: 0, tail: 1 },
      /asked for 2, answered 2, between 0 and 1/,
    ],
  ])('%s: refused', async (_what, place, says) => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    broker.rewrite = (operation, answer) => (operation === 'resolvePosition' ? place : answer)
    await refused(broker, (client) => client.read('clicks', { from: { atSequenceNumber: 2 } }), says)
  })

  it('a horizon below the number that has expired: refused', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    let places = 0
    broker.disturb = ({ operation }) =>
      operation === 'resolvePosition' && places++ === 0 ? { refuse: 'trimmed' } : 'none'
    const from = { atSequenceNumber: 2 }
    await refused(
      broker,
      (client) => client.read('clicks', { from, onTrimmed: 'horizon' }),
      /cannot be read from 2 .* begins at 0/,
    )
  })
})

describe('a routing', () => {
  const parentsOf = (index: number, parents: readonly number[]) => (broker: FakeBroker) => {
    broker.rewrite = (operation, answer) => {
      if (operation !== 'describeRouting') return answer
      const shards = (answer as ResponseOf<'describeRouting'>).shards.map((shard): RoutedShard =>
        shard.index === index ? { ...shard, parents } : shard,
      )
      return { ...answer, shards }
    }
  }

  it.each<[string, (broker: FakeBroker) => void, RegExp]>([
    [
      'a shard that is its own parent',
      parentsOf(1, [1]),
      /shardId-000000000001 cannot be a parent of shardId-000000000001/,
    ],
    [
      'shards that are parents of each other',
      parentsOf(0, [1]),
      /shardId-000000000001 cannot be a parent of shardId-000000000000/,
    ],
  ])('with %s: refused, at the beginning and later', async (_what, change, says) => {
    const broker = new FakeBroker()
    broker.split(0)
    change(broker)
    await refused(broker, read, says)
    const later = new FakeBroker()
    fill(later, 0, [1])
    const { client, end } = await connectTo(later)
    const values = collect(read(client))
    values.catch(() => {})
    await turns(20)
    change(later)
    later.split(0)
    await expect(driven(values)).rejects.toMatchObject({ code: 'invalidAnswer' })
    await end()
  })

  it('that names hosts in turn, which do not have the shard: it is asked for ever more seldom', async () => {
    const broker = new FakeBroker({ hosts: 2 })
    const { client, end } = await connectTo(broker)
    const reading = read(client)
    await driven(reading.started)
    broker.disturb = ({ operation }) => (operation === 'fetch' ? { refuse: 'shardNotFound' } : 'none')
    broker.disconnect()
    broker.received.length = 0
    await pass(2000, 10)
    // A backoff of 20 ms at most, of which half is random.
    expect(broker.received.filter((operation) => operation === 'describeRouting').length).toBeLessThan(250)
    await reading.close()
    await end()
  })

  it('that does not know what became of a shard that has ended: it is asked for ever more seldom', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [2])
    fetchingAs(broker, () => ({ ended: true }))
    const { client, end } = await connectTo(broker)
    const reading = read(client)
    await pass(2000, 10)
    expect(broker.received.filter((operation) => operation === 'describeRouting').length).toBeLessThan(250)
    await reading.close()
    await end()
  })
})

it('a clock that stands still just before the end of a reading is looked at ever more seldom', async () => {
  const broker = new FakeBroker()
  const { client, end } = await connectTo(broker)
  const reading = client.read('clicks', { until: { atTimestamp: broker.time - 999 } })
  await driven(reading.started)
  await pass(10_000, 50)
  // After 1, 2, 4 ms and so on, up to a second.
  expect(broker.received.filter((operation) => operation === 'ping').length).toBeLessThan(30)
  await reading.close()
  await end()
})
