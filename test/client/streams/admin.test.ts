// The calls about streams: the requests to the controller, and the converted answers.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, shardLimitPresets, type Client, type Stream } from '../../../client/index.ts'
import { isolatingCuts } from '../../../client/streams/split-point.ts'
import { hashKeyFromBigInt, hashKeyFromBytes, hashKeyToBigInt, splitRange } from '../../../protocol/index.ts'
import type { RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import { driven, fakeTime, pass } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const MAX = 2n ** 128n - 1n

async function administering(broker: FakeBroker): Promise<{ client: Client; end: () => Promise<void> }> {
  const client = await driven(connect('millrace://fake', { dial: broker.dial }))
  return { client, end: () => driven(client.close()) }
}

describe('settings', () => {
  it('are sent as they were given; those left out are not sent', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    await driven(client.createStream('clicks'))
    await driven(
      client.createStream('clicks', { mode: 'on-demand', scaling: { shardsMax: 9 }, retentionBytes: 5 }),
    )
    await driven(client.updateStream('clicks', { shardLimits: 'kinesis' }))
    await driven(client.updateStream('clicks', { shardLimits: { readsPerSecond: 7 } }))
    const said = broker.settings.map((request) =>
      Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)),
    )
    expect(said).toEqual([
      { name: 'clicks' },
      {
        name: 'clicks',
        mode: 'on-demand',
        retentionBytes: 5,
        scaling: { shardsMax: 9, shardsMin: undefined },
      },
      { name: 'clicks', shardLimits: shardLimitPresets.kinesis },
      { name: 'clicks', shardLimits: { ...shardLimitPresets.none, readsPerSecond: 7 } },
    ])
    await end()
  })

  it('limits with an unknown name are refused, with the known names', async () => {
    const { client, end } = await administering(new FakeBroker())
    await expect(client.createStream('clicks', { shardLimits: 'fast' as 'kinesis' })).rejects.toMatchObject({
      code: 'invalidArgument',
      message: 'There are no shard limits called "fast": there are none, kinesis, or give figures.',
    })
    await end()
  })

  it('of a stream and of its shards have dates, decimals and shard ids', async () => {
    const broker = new FakeBroker({ shards: 2 })
    broker.merge(0, 1)
    const { client, end } = await administering(broker)
    await expect(driven(client.describeStream('clicks'))).resolves.toMatchObject({
      mode: 'provisioned',
      epoch: 2,
      targetShardCount: undefined,
      createdAt: new Date(1_700_000_000_000),
    })
    const { items } = await driven(client.listShards('clicks').page())
    expect(items.map(({ state, closedAt }) => [state, closedAt?.getTime()])).toEqual([
      ['CLOSED', 1_700_000_000_001],
      ['CLOSED', 1_700_000_000_001],
      ['OPEN', undefined],
    ])
    expect(items[2]).toMatchObject({
      shardId: 'shardId-000000000002',
      parentShardIds: ['shardId-000000000000', 'shardId-000000000001'],
      hashKeyRange: { startingHashKey: '0', endingHashKey: MAX.toString() },
      bytes: 0,
      load: {
        bytesPerSecond: { last10s: 30, last2m: 20, last10m: 10 },
        recordsPerSecond: { last10s: 3, last2m: 2, last10m: 1 },
        hot: { hashKey: '0', percent: 70 },
      },
    })
    await end()
  })
})

describe('splitShard and mergeShards', () => {
  it('return the children, and the client uses them at once', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    await driven(client.put('clicks', { partitionKey: 'ada', data: '1' }))
    await expect(driven(client.splitShard('clicks', '0'))).resolves.toEqual({
      children: ['shardId-000000000001', 'shardId-000000000002'],
      epoch: 2,
    })
    await expect(driven(client.mergeShards('clicks', '1', 'shard-2'))).resolves.toEqual({
      child: 'shardId-000000000003',
      epoch: 3,
    })
    await expect(driven(client.put('clicks', { partitionKey: 'ada', data: '2' }))).resolves.toMatchObject({
      shardId: 'shardId-000000000003',
      sequenceNumber: 1,
    })
    await end()
  })

  it('split at a hash key, or around a partition key', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    await driven(client.splitShard('clicks', '0', { at: 5n }))
    expect(hashKeyToBigInt(broker.shards[2]!.range.start)).toBe(5n)
    const isolate = { partitionKey: 'ada' }
    const { children } = await driven(client.splitShard('clicks', '2', { isolate }))
    expect(children).toHaveLength(3)
    const { shardId } = await driven(client.put('clicks', { partitionKey: 'ada', data: '1' }))
    expect(shardId).toBe(children[1])
    const { range } = broker.shards[4]!
    expect(range.start).toEqual(range.end)
    await expect(driven(client.splitShard('clicks', '4', { isolate }))).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('has shardId-000000000004 to itself already') as string,
    })
    await expect(driven(client.splitShard('clicks', '3', { at: 7n, isolate }))).rejects.toMatchObject({
      code: 'invalidArgument',
    })
    await end()
  })

  it('isolating a key gives it a child of its own, anywhere in the range', () => {
    const small = fc.bigInt({ min: 0n, max: 20n })
    const bound = fc.oneof(
      small,
      small.map((n) => MAX - n),
      fc.bigInt({ min: 0n, max: MAX }),
    )
    fc.assert(
      fc.property(bound, bound, bound, (a, b, key) => {
        const [start, end] = a < b ? [a, b] : [b, a]
        const range = { start: hashKeyFromBigInt(start), end: hashKeyFromBigInt(end) }
        if (key < start || key > end || start === end) {
          expect(() => isolatingCuts(range, key, 'shard')).toThrow(
            expect.objectContaining({ code: 'invalidArgument' }),
          )
          return
        }
        const cuts = isolatingCuts(range, key, 'shard').map((cut) => hashKeyFromBytes(cut))
        const words = hashKeyFromBigInt(key)
        expect(splitRange(range, cuts)).toContainEqual({ start: words, end: words })
      }),
    )
  })
})

describe('updateShardCount', () => {
  it('asks ever more seldom where the answers come at once, and bring the stream no nearer', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    const ending = new AbortController()
    broker.rewrite = (operation, answer) => {
      if (operation !== 'updateShardCount' && operation !== 'describeStream') return answer
      const { stream } = answer as ResponseOf<'describeStream'>
      return { stream: { ...stream, openShardCount: 1, targetShardCount: 4 } }
    }
    const scaling = client.updateShardCount('clicks', 4, { signal: ending.signal })
    scaling.catch(() => {})
    await pass(10_000, 50)
    // A backoff of 50 ms that doubles up to 2 s, of which half is random.
    expect(broker.received.filter((operation) => operation === 'updateShardCount').length).toBeLessThan(20)
    ending.abort()
    await expect(driven(scaling)).rejects.toMatchObject({ code: 'aborted' })
    await end()
  })

  it('asks again until it is done, and reports its progress', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    const counts: number[] = []
    const onProgress = ({ openShardCount }: Stream) => counts.push(openShardCount)
    const stream = await driven(client.updateShardCount('clicks', 16, { onProgress }))
    expect(stream).toMatchObject({ openShardCount: 16, targetShardCount: undefined })
    expect(counts).toEqual([2, 4, 8, 16])
    await end()
  })

  it('reports its progress between answers too', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    const counts: number[] = []
    let isFirst = true
    broker.disturb = ({ operation }) => {
      if (operation !== 'updateShardCount' || !isFirst) return 'none'
      isFirst = false
      setTimeout(() => broker.split(0), 400)
      setTimeout(() => broker.disconnect(), 700)
      return 'hangs'
    }
    const onProgress = ({ openShardCount }: Stream) => counts.push(openShardCount)
    const updating = client.updateShardCount('clicks', 4, { onProgress })
    await driven(updating)
    expect(counts.slice(0, 2)).toEqual([1, 2])
    await end()
  })

  it('does not replace the count of another request, and ends when its signal fires', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    broker.disturb = ({ operation }) => {
      if (operation === 'describeStream') broker.catalog.put({ targetShardCount: 5 })
      return 'none'
    }
    await expect(driven(client.updateShardCount('clicks', 64))).rejects.toMatchObject({
      code: 'streamBusy',
      message: expect.stringContaining('another request brought it to 5') as string,
    })
    broker.disturb = ({ operation }) => (operation === 'updateShardCount' ? 'hangs' : 'none')
    const signal = AbortSignal.abort()
    await expect(driven(client.updateShardCount('clicks', 8, { signal }))).rejects.toMatchObject({
      code: 'aborted',
    })
    await expect(client.updateShardCount('clicks', 0)).rejects.toMatchObject({ code: 'invalidArgument' })
    await end()
  })
})

describe('updateShardCount, of a stream that came to another count before it was answered', () => {
  it('rejects and names the other request', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    broker.otherGoal = 2
    await expect(driven(client.updateShardCount('clicks', 64))).rejects.toMatchObject({
      code: 'streamBusy',
      message: expect.stringContaining('another request brought it to 2') as string,
    })
    await end()
  })

  it('rejects if the stream was made on-demand', async () => {
    const broker = new FakeBroker()
    const { client, end } = await administering(broker)
    broker.otherGoal = 2
    broker.rewrite = (operation, answer) => {
      if (operation !== 'updateShardCount') return answer
      broker.catalog.put({ mode: 'on-demand' })
      return { stream: { ...(answer as ResponseOf<'updateShardCount'>).stream, mode: 'on-demand' } }
    }
    await expect(driven(client.updateShardCount('clicks', 64))).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('made on-demand, and has 2') as string,
    })
    await end()
  })
})

describe('explainScaling', () => {
  it('returns the decisions with shard ids', async () => {
    const broker = new FakeBroker()
    broker.decisions = [{ action: 'hotKey', shards: [3], reason: 'one key' }]
    const { client, end } = await administering(broker)
    await expect(driven(client.explainScaling('clicks'))).resolves.toMatchObject({
      mode: 'provisioned',
      decisions: [{ action: 'hotKey', shardIds: ['shardId-000000000003'], reason: 'one key' }],
    })
    await end()
  })
})

describe('resetGroup', () => {
  const resetting = (streams: string[]) => {
    const broker = new FakeBroker()
    const requests: RequestOf<'resetGroup'>[] = []
    broker.rewrite = (operation, response) => {
      if (operation !== 'describeGroup') return response
      const { group } = response as ResponseOf<'describeGroup'>
      return { ...response, group: { ...group, streams } }
    }
    broker.disturb = (message) => {
      if (message.operation === 'resetGroup') requests.push(message.request)
      return 'none'
    }
    return { broker, requests }
  }

  it('takes the only stream of the group, or the one that is named', async () => {
    const { broker, requests } = resetting(['clicks'])
    const { client, end } = await administering(broker)
    await driven(client.resetGroup('billing', { to: 'TRIM_HORIZON' }))
    await driven(client.resetGroup('billing', { to: { atTimestamp: 5 }, stream: 'orders', force: true }))
    expect(requests).toEqual([
      { group: 'billing', stream: 'clicks', to: { type: 'TRIM_HORIZON' }, isForced: false },
      { group: 'billing', stream: 'orders', to: { type: 'AT_TIMESTAMP', timestamp: 5 }, isForced: true },
    ])
    await end()
  })

  it.each([
    [['a', 'b', 'c', 'd'], 'Group billing reads several streams (a, b, c, …): name one of them.'],
    [[], 'Group billing reads no stream that there is.'],
  ])('asks for the stream where the group reads %j', async (streams, message) => {
    const { broker, requests } = resetting(streams)
    const { client, end } = await administering(broker)
    await expect(driven(client.resetGroup('billing', { to: 'LATEST' }))).rejects.toMatchObject({
      code: 'invalidArgument',
      message,
    })
    expect(requests).toEqual([])
    await end()
  })
})
