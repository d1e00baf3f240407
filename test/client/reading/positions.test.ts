// Where a reading begins and ends, and how it treats positions whose records have expired.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Position, ReadOptions } from '../../../client/index.ts'
import { driven, fakeTime, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { fill } from '../support/fill.ts'
import { collect, connectTo, values } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('positions', () => {
  const readFrom = async (options: ReadOptions) => {
    const broker = new FakeBroker()
    fill(broker, 0, [3, 3, 4])
    const { client, end } = await connectTo(broker)
    const read = await driven(collect(client.read('clicks', options)))
    await end()
    return read
  }
  const secondBatch = 1_700_000_000_002

  it.each<[string, Position, number]>([
    ['TRIM_HORIZON', 'TRIM_HORIZON', 0],
    ['LATEST', 'LATEST', 10],
    ['a number inside a batch', { atSequenceNumber: 4 }, 4],
    ['after a number', { afterSequenceNumber: 4 }, 5],
    ['a time', { atTimestamp: secondBatch }, 3],
    ['a date', { atTimestamp: new Date(secondBatch) }, 3],
    ['a time before everything', { atTimestamp: 0 }, 0],
    ['a time after everything', { atTimestamp: secondBatch + 1000 }, 10],
  ])('from %s', async (_what, from, begin) => {
    await expect(readFrom({ from })).resolves.toEqual(values(0, begin, 10))
  })

  it.each<[string, Position, number]>([
    ['TRIM_HORIZON', 'TRIM_HORIZON', 0],
    ['LATEST', 'LATEST', 10],
    ['a number inside a batch', { atSequenceNumber: 4 }, 4],
    ['after a number', { afterSequenceNumber: 4 }, 5],
    ['a time', { atTimestamp: secondBatch }, 3],
  ])('until %s', async (_what, until, end) => {
    await expect(readFrom({ until })).resolves.toEqual(values(0, 0, end))
  })

  it.each<[string, Position, Position]>([
    ['a time', { atTimestamp: secondBatch }, { atTimestamp: secondBatch - 1 }],
    ['a time to come', { atTimestamp: 2 * secondBatch }, { atTimestamp: 2 * secondBatch - 1 }],
    ['a number', { atSequenceNumber: 5 }, { atSequenceNumber: 4 }],
    ['a number behind another', { afterSequenceNumber: 4 }, { atSequenceNumber: 4 }],
  ])('from %s, refuses an end that lies before it', async (_what, from, until) => {
    await expect(readFrom({ from, until })).rejects.toMatchObject({ code: 'invalidArgument' })
  })

  it('reads nothing if the end is the begin', async () => {
    for (const from of [{ atTimestamp: secondBatch }, { atSequenceNumber: 5 }]) {
      await expect(readFrom({ from, until: from })).resolves.toEqual([])
    }
  })

  it('a number needs a shard if there are several, and an invalid position is refused', async () => {
    const broker = new FakeBroker({ shards: 2 })
    fill(broker, 1, [5])
    const { client, end } = await connectTo(broker)
    const from = { atSequenceNumber: 2 }
    await expect(driven(collect(client.read('clicks', { from })))).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('option shard') as string,
    })
    await expect(driven(collect(client.read('clicks', { from, shard: '1' })))).resolves.toEqual(
      values(1, 2, 5),
    )
    for (const wrong of ['EARLIEST', {}, null, { atSequenceNumber: 1.5 }, { atTimestamp: new Date(NaN) }]) {
      await expect(driven(collect(client.read('clicks', { from: wrong as never })))).rejects.toMatchObject({
        code: 'invalidArgument',
      })
    }
    await expect(driven(collect(client.read('clicks', { shard: '7' })))).rejects.toMatchObject({
      code: 'shardNotFound',
    })
    await end()
  })
})

describe('ends', () => {
  it('without follow, at the tail that each shard had at the start', async () => {
    const broker = new FakeBroker({ shards: 3 })
    fill(broker, 0, [2])
    fill(broker, 2, [3])
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks')
    await driven(reading.started)
    fill(broker, 0, [2])
    fill(broker, 1, [1])
    const read = await driven(collect(reading))
    expect(read.toSorted()).toEqual([...values(0, 0, 2), ...values(2, 0, 3)])
    await end()
  })

  it('with follow, never: records come as they are stored', async () => {
    const broker = new FakeBroker({ shards: 2 })
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { follow: true, from: 'LATEST' })
    const reads = collect(reading, 3)
    await driven(reading.started)
    fill(broker, 0, [2])
    await turns(10)
    fill(broker, 1, [1])
    await expect(driven(reads)).resolves.toEqual(['0:0', '0:1', '1:0'])
    await end()
  })

  it('from the latest, closed shards are left out, and what splits later is followed', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    broker.split(0)
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { follow: true, from: 'LATEST' })
    const reads = collect(reading, 3)
    await driven(reading.started)
    fill(broker, 1, [1])
    broker.split(2)
    fill(broker, 3, [1])
    fill(broker, 4, [1])
    const read = await driven(reads)
    expect(read.toSorted()).toEqual(['1:3', '3:3', '4:3'])
    await end()
  })

  it('a single shard that is closed ends the reading, followed or not', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    broker.split(0)
    fill(broker, 1, [1])
    const { client, end } = await connectTo(broker)
    for (const reading of [
      client.read('clicks', { shard: 'shardId-000000000000' }),
      client.read('clicks', { shard: '0', follow: true }),
      client.subscribe('clicks', { shard: '0', from: 'TRIM_HORIZON' }),
    ]) {
      await expect(driven(collect(reading))).resolves.toEqual(values(0, 0, 3))
    }
    await end()
  })

  it('a stream that is deleted, or deleted and made again, ends it with streamNotFound', async () => {
    for (const streamId of [1, 2]) {
      const broker = new FakeBroker()
      fill(broker, 0, [1])
      const { client, end } = await connectTo(broker)
      const reading = client.read('clicks', { follow: true, maxWaitMs: 100 })
      const reads = collect(reading)
      reads.catch(() => {})
      await turns(20)
      broker.exists = streamId === 2
      broker.streamId = streamId
      broker.disconnect()
      await expect(driven(reads)).rejects.toMatchObject({ code: 'streamNotFound' })
      await end()
    }
  })
})

describe('below the trim horizon', () => {
  it('fails with trimmed, or goes on at the horizon if onTrimmed says so', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3, 3, 3])
    broker.shards[0]!.trim(6)
    const { client, end } = await connectTo(broker)
    const from = { atSequenceNumber: 1 }
    await expect(driven(collect(client.read('clicks', { from })))).rejects.toMatchObject({ code: 'trimmed' })
    const onTrimmed = 'horizon'
    await expect(driven(collect(client.read('clicks', { from, onTrimmed })))).resolves.toEqual(
      values(0, 6, 9),
    )
    await expect(driven(collect(client.subscribe('clicks', { from, onTrimmed }), 3))).resolves.toEqual(
      values(0, 6, 9),
    )
    await end()
  })

  it('records that expire during the reading are left out only if onTrimmed says so', async () => {
    for (const onTrimmed of ['fail', 'horizon'] as const) {
      const broker = new FakeBroker()
      fill(broker, 0, [3, 3, 3])
      const { client, end } = await connectTo(broker)
      const reading = client.read('clicks', { onTrimmed, bufferBytesMax: 1 })
      const iterator = reading[Symbol.asyncIterator]()
      await driven(iterator.next())
      await turns(10)
      broker.shards[0]!.trim(8)
      const rest: number[] = []
      const drain = async () => {
        for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
          rest.push(next.value.sequenceNumber)
        }
      }
      if (onTrimmed === 'fail') await expect(driven(drain())).rejects.toMatchObject({ code: 'trimmed' })
      else await driven(drain())
      // What had arrived is handed out first, whatever comes after it.
      expect(rest.slice(0, 2)).toEqual([1, 2])
      if (onTrimmed === 'horizon') expect(rest.at(-1)).toBe(8)
      await end()
    }
  })
})
