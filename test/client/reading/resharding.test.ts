// Readers and subscriptions while shards are split, merged, limited and expire: what they follow, what they wait for, how
// often they ask, and where they end.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Client, Reading } from '../../../client/index.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { batchOf, fill } from '../support/fill.ts'
import { collect, connectTo, values } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

/** Both ways to follow a stream from its oldest record. */
const following: [string, (client: Client) => Reading<Uint8Array>][] = [
  ['read', (client) => client.read('clicks', { follow: true })],
  ['subscribe', (client) => client.subscribe('clicks', { from: 'TRIM_HORIZON' })],
]

const routingsAsked = (broker: FakeBroker) =>
  broker.received.filter((name) => name === 'describeRouting').length
const fetchesAsked = (broker: FakeBroker) => broker.received.filter((name) => name === 'fetch').length

describe('a wave of splits', () => {
  it.each(following)('%s: is followed by one request for the routing', async (_how, open) => {
    const broker = new FakeBroker({ shards: 16, hosts: 2 })
    for (const { index } of broker.shards) fill(broker, index, [2])
    const { client, end } = await connectTo(broker)
    const reads = collect(open(client), 16 * 2 + 32)
    await turns(50)
    const before = routingsAsked(broker)
    broker.split(...broker.shards.map(({ index }) => index))
    for (const { index } of broker.openShards) fill(broker, index, [1])
    const read = await driven(reads)
    expect(new Set(read).size).toBe(64)
    expect(routingsAsked(broker) - before).toBe(1)
    await end()
  })

  it.each(following)('%s: children that were split themselves are read before theirs', async (_how, open) => {
    const broker = new FakeBroker()
    fill(broker, 0, [2])
    const { client, end } = await connectTo(broker)
    const reading = open(client)
    const reads = collect(reading, 7)
    await turns(20)
    broker.split(0)
    fill(broker, 1, [1])
    broker.split(1, 2)
    broker.merge(4, 5)
    fill(broker, 3, [1])
    fill(broker, 6, [2])
    broker.merge(3, 7)
    fill(broker, 8, [1])
    const read = await driven(reads)
    expect(read.slice(0, 2)).toEqual(['0:0', '0:1'])
    expect(read.toSorted()).toEqual(['0:0', '0:1', '1:2', '3:3', '6:2', '6:3', '8:4'])
    const inOrder = ['1:2', '3:3', '8:4']
    expect(read.filter((value) => inOrder.includes(value))).toEqual(inOrder)
    await end()
  })

  it('after any number of splits, one fetch asks a host for all its shards', async () => {
    const broker = new FakeBroker({ shards: 4 })
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { follow: true, maxWaitMs: 100 })
    const reads = collect(reading, 8)
    await driven(reading.started)
    for (const shard of [0, 1, 2, 3]) {
      await pass(300)
      broker.split(shard)
    }
    await pass(300)
    const before = fetchesAsked(broker)
    await pass(1000)
    // Ten waits of 100 ms, and as many for each further request that went on beside the first.
    expect(fetchesAsked(broker) - before).toBeLessThan(15)
    for (const { index } of broker.openShards) fill(broker, index, [1])
    expect((await driven(reads)).length).toBe(8)
    await end()
  })

  it('a shard that ends while its host is away does not hold up the children of another', async () => {
    const broker = new FakeBroker({ shards: 2, hosts: 2 })
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { follow: true, maxWaitMs: 100 })
    const reads = collect(reading, 1)
    await driven(reading.started)
    broker.stopHost(2)
    await pass(500)
    const [child] = broker.change([{ renew: 0 }])
    broker.shards[child!]!.hostId = 1
    fill(broker, child!, [1])
    await expect(driven(reads, { limitMs: 300 })).resolves.toEqual(['2:0'])
    await end()
  })
})

describe('the start', () => {
  it('includes the shards of all records acknowledged before, also after reshards by other clients', async () => {
    const broker = new FakeBroker()
    const { client, end } = await connectTo(broker)
    await driven(collect(client.read('clicks')))
    broker.split(0)
    fill(broker, 1, [1])
    fill(broker, 2, [1])
    const read = await driven(collect(client.read('clicks')))
    expect(read.toSorted()).toEqual(['1:0', '2:0'])
    await end()
  })

  it('leaves out a shard that expires while its position is resolved', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [2])
    broker.split(0)
    fill(broker, 1, [1])
    const { client, end } = await connectTo(broker)
    broker.disturb = (message) => {
      if (message.operation === 'resolvePosition' && message.request.shardIndex === 0) broker.expire(0)
      return 'none'
    }
    await expect(driven(collect(client.read('clicks')), { limitMs: 500 })).resolves.toEqual(['1:2'])
    await end()
  })
})

describe('expired shards', () => {
  const play = async (onTrimmed: 'fail' | 'horizon', isRead: boolean) => {
    const broker = new FakeBroker({ shards: 1, hosts: 2 })
    fill(broker, 0, [2])
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { follow: true, onTrimmed, maxWaitMs: 100 })
    const reads = collect(reading, isRead ? 3 : Infinity)
    reads.catch(() => {})
    await driven(reading.started)
    await turns(20)
    broker.disturb = ({ operation }) => (operation === 'fetch' ? 'hangs' : 'none')
    broker.disconnect()
    await pass(50)
    if (!isRead) fill(broker, 0, [2])
    broker.split(0)
    broker.expire(0)
    fill(broker, 1, [1])
    broker.disturb = () => 'none'
    broker.disconnect()
    return { reads, end }
  }

  it('that were read to their end are followed by their children', async () => {
    const { reads, end } = await play('fail', true)
    await expect(driven(reads)).resolves.toEqual([...values(0, 0, 2), '1:2'])
    await end()
  })

  it('that may have had unread records fail with trimmed, unless onTrimmed allows it', async () => {
    const { reads, end } = await play('fail', false)
    await expect(driven(reads)).rejects.toMatchObject({
      code: 'trimmed',
      message: 'shardId-000000000000 expired before it was read to its end: it was read up to 2.',
    })
    await end()
  })
})

describe('one shard alone', () => {
  it('gives its children when it has ended, and none before', async () => {
    const broker = new FakeBroker({ shards: 2 })
    fill(broker, 0, [3])
    const { client, end } = await connectTo(broker)
    const followed = client.read('clicks', { shard: '0', follow: true })
    const reads = collect(followed)
    await turns(20)
    expect(followed.children).toEqual([])
    broker.split(0)
    await expect(driven(reads)).resolves.toEqual(values(0, 0, 3))
    const children = ['shardId-000000000002', 'shardId-000000000003']
    expect(followed.children).toEqual(children)
    broker.merge(3, 1)
    const whole = client.read('clicks', { shard: '0' })
    const part = client.read('clicks', { shard: '0', until: { atSequenceNumber: 2 } })
    const subscribed = client.subscribe('clicks', { shard: '1', from: 'TRIM_HORIZON' })
    const open = client.read('clicks', { shard: '2' })
    for (const reading of [whole, part, subscribed, open]) await driven(collect(reading))
    expect([whole, part, subscribed, open].map((reading) => reading.children)).toEqual([
      children,
      [],
      ['shardId-000000000004'],
      [],
    ])
    await end()
  })
})

describe('limits', () => {
  it('a shard whose limits are used up rests as long as its host says; the others go on', async () => {
    const broker = new FakeBroker({ shards: 2 })
    broker.shards[0]!.limitTo({ readsPerSecond: 5 })
    const batch = () => batchOf(Array.from({ length: 10 }, (_, i) => `${'x'.repeat(100)}${i}`))
    for (let i = 0; i < 20; i++) {
      broker.store(0, batch())
      broker.store(1, batch())
    }
    const { client, end } = await connectTo(broker)
    const bufferBytesMax = 2 * batch().length
    const seen: string[] = []
    let doneAt: number | undefined
    const loop = async () => {
      for await (const { shardId } of client.read('clicks', { bufferBytesMax })) {
        seen.push(shardId.slice(-1))
        if (doneAt === undefined && seen.filter((shard) => shard === '1').length === 200)
          doneAt = performance.now()
      }
    }
    const begin = performance.now()
    await driven(loop())
    expect(seen).toHaveLength(400)
    // Both in the same requests, at 5 a second, would have taken as long as the limited one alone.
    expect(doneAt! - begin).toBeLessThan((performance.now() - begin) / 2)
    expect(broker.shards[0]!.throttled).toBeLessThan(30)
    await end()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('until a time', () => {
  /** Records that arrive at given times, over a split and a merge: the time is the value. */
  const history = async (broker: FakeBroker, start: number) => {
    broker.usesClock = true
    const arrive = async (index: number, at: number) => {
      await vi.advanceTimersByTimeAsync(start + at - Date.now())
      broker.store(index, batchOf([`${index}@${at}`]))
    }
    for (const at of [10, 20]) await arrive(0, at)
    broker.split(0)
    for (const at of [30, 40]) for (const index of [1, 2]) await arrive(index, at)
    broker.merge(1, 2)
    for (const at of [50, 60]) await arrive(3, at)
  }

  it.each([
    [0, 25, ['0@10', '0@20']],
    [15, 40, ['0@20', '1@30', '2@30']],
    [20, 41, ['0@20', '1@30', '1@40', '2@30', '2@40']],
    [35, 60, ['1@40', '2@40', '3@50']],
    [50, 50, []],
  ])('in the past, from %d to %d: whatever arrived between, parents first', async (from, until, expected) => {
    const broker = new FakeBroker()
    const start = Date.now()
    await history(broker, start)
    await pass(2000, 100)
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', {
      from: { atTimestamp: start + from },
      until: { atTimestamp: start + until },
    })
    const read = await driven(collect(reading))
    expect(read.toSorted()).toEqual(expected)
    const generations = read.map((value) => ({ '0': 0, '1': 1, '2': 1, '3': 2 })[value[0]!]!)
    expect(generations).toEqual(generations.toSorted((a, b) => a - b))
    await end()
  })

  it('to come: follows until the time is over, across a split and a merge, and leaves out what comes later', async () => {
    const broker = new FakeBroker({ hosts: 2 })
    broker.usesClock = true
    const { client, end } = await connectTo(broker)
    const start = Date.now()
    const reading = client.read('clicks', { until: { atTimestamp: start + 55 } })
    const reads = collect(reading)
    await driven(reading.started)
    const at = Date.now()
    await history(broker, start)
    expect(at).toBeLessThanOrEqual(start + 10)
    // A record that came later than that says that nothing earlier follows: no shard is waited for.
    const read = await driven(reads, { limitMs: 50 })
    expect(read.toSorted()).toEqual(['0@10', '0@20', '1@30', '1@40', '2@30', '2@40', '3@50'])
    await end()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('to come, on an idle stream: ends a second after it, by the clock of the broker', async () => {
    const broker = new FakeBroker({ shards: 2 })
    broker.usesClock = true
    const { client, end } = await connectTo(broker)
    const start = Date.now()
    const readings = [
      client.read('clicks', { until: { atTimestamp: start + 3000 } }),
      client.read('clicks', { until: { atTimestamp: start + 3000 }, shard: '1' }),
    ]
    const reads = Promise.all(readings.map((reading) => collect(reading)))
    let isOver = false
    void reads.then(() => (isOver = true))
    await pass(2000, 100)
    broker.split(1)
    fill(broker, 3, [1])
    await pass(1900, 100)
    expect(isOver).toBe(false)
    await expect(driven(reads, { limitMs: 200 })).resolves.toEqual([['3:0'], []])
    expect(readings[1]!.children).toEqual(['shardId-000000000002', 'shardId-000000000003'])
    await end()
  })

  it('to come: reads the children of a shard of which no answer came before the time was over', async () => {
    const broker = new FakeBroker()
    broker.usesClock = true
    let isStuck = true
    broker.disturb = ({ operation }) => (operation === 'fetch' && isStuck ? 'hangs' : 'none')
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { until: { atTimestamp: Date.now() + 3000 } })
    const reads = collect(reading)
    await driven(reading.started)
    await pass(1000, 100)
    broker.split(0)
    fill(broker, 1, [1])
    fill(broker, 2, [1])
    await pass(4000, 100)
    isStuck = false
    await expect(driven(reads).then((read) => read.toSorted())).resolves.toEqual(['1:0', '2:0'])
    await end()
  })

  it('to come, while a host is away: ends when it is back, with all that it has', async () => {
    const broker = new FakeBroker({ shards: 2, hosts: 2 })
    broker.usesClock = true
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { until: { atTimestamp: Date.now() + 100 }, maxWaitMs: 50 })
    const reads = collect(reading)
    await driven(reading.started)
    fill(broker, 0, [1])
    fill(broker, 1, [1])
    broker.stopHost(2)
    await pass(3000, 50)
    broker.startHost(2)
    await expect(driven(reads).then((read) => read.toSorted())).resolves.toEqual(['0:0', '1:0'])
    await end()
  })
})
