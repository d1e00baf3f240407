// What loops over a reading see, how they end, and what they leave of the event loop and of memory.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, json, type Reading } from '../../../client/index.ts'
import { driven, fakeTime, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { batchOf, fill } from '../support/fill.ts'
import { collect, connectTo } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('loops', () => {
  it('serve waiting calls of next in their order', async () => {
    const broker = new FakeBroker()
    const { client, end } = await connectTo(broker)
    const iterator = client.read('clicks', { follow: true })[Symbol.asyncIterator]()
    const results = Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()])
    await turns(20)
    fill(broker, 0, [3])
    await turns(10)
    fill(broker, 0, [1])
    const numbers = (await driven(results)).map(
      (result) => (result.value as { sequenceNumber: number }).sequenceNumber,
    )
    expect(numbers).toEqual([0, 1, 2, 3])
    await end()
  })

  it('batches come as they were appended, cut where the reading begins and ends', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3, 3, 4])
    const { client, end } = await connectTo(broker)
    const sizes: number[] = []
    const loop = async () => {
      const reading = client.read('clicks', { from: { atSequenceNumber: 1 }, until: { atSequenceNumber: 8 } })
      for await (const records of reading.batches()) sizes.push(records.length)
    }
    await driven(loop())
    expect(sizes).toEqual([2, 3, 2])
    await end()
  })

  it('leaving one closes the reading, and closing or aborting a reading ends its loop, in mid-batch too', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [5])
    const { client, end } = await connectTo(broker)
    const left = client.read('clicks', { follow: true })
    await driven(collect(left, 2))
    await expect(driven(collect(left))).resolves.toEqual([])
    const closed = client.read('clicks', { follow: true })
    const seen: number[] = []
    const loop = async (reading: Reading<Uint8Array>, stop: () => unknown) => {
      for await (const { sequenceNumber } of reading) {
        seen.push(sequenceNumber)
        if (sequenceNumber === 1) stop()
      }
    }
    await driven(loop(closed, () => closed.close()))
    expect(seen).toEqual([0, 1])
    const aborter = new AbortController()
    const aborted = client.subscribe('clicks', { from: 'TRIM_HORIZON', signal: aborter.signal })
    await expect(driven(loop(aborted, () => aborter.abort(new Error('enough'))))).rejects.toMatchObject({
      code: 'aborted',
      cause: new Error('enough'),
    })
    expect(seen).toEqual([0, 1, 0, 1])
    await end()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('one that does not wait lets the event loop turn', async () => {
    const broker = new FakeBroker()
    for (let i = 0; i < 20; i++)
      broker.store(0, batchOf(Array.from({ length: 2000 }, (_, n) => `${'x'.repeat(20)}${n}`)))
    const { client, end } = await connectTo(broker)
    let turnsSeen = 0
    let isReading = true
    const countTurns = () => {
      turnsSeen++
      if (isReading) setImmediate(countTurns)
    }
    const reading = client.read('clicks')
    await turns(50)
    countTurns()
    const before = turnsSeen
    const count = async () => {
      let records = 0
      for await (const record of reading) if (record.sequenceNumber >= 0) records++
      isReading = false
      return records
    }
    await expect(driven(count())).resolves.toBe(40_000)
    expect(turnsSeen - before).toBeGreaterThan(5)
    await end()
  })

  it('data that the codec refuses fails when it is read, naming the record, and the loop goes on', async () => {
    const broker = new FakeBroker()
    broker.store(0, batchOf(['{"page":1}', 'no JSON', '{"page":3}']))
    const { client, end } = await connectTo(broker)
    const pages: (number | string)[] = []
    const loop = async () => {
      for await (const record of client.read('clicks', { codec: json<{ page: number }>() })) {
        try {
          pages.push(record.data.page)
        } catch (error) {
          pages.push((error as Error).message)
        }
      }
    }
    await driven(loop())
    expect(pages[0]).toBe(1)
    expect(pages[1]).toMatch(/^Record 1 of shardId-000000000000 does not go through the codec json: /)
    expect(pages[2]).toBe(3)
    await end()
  })

  it('damaged bytes are an error that names the shard, never data', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3, 3])
    broker.shards[0]!.batches[1]![120]! ^= 1
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks')
    const seen: number[] = []
    const loop = async () => {
      for await (const { sequenceNumber } of reading) seen.push(sequenceNumber)
    }
    await expect(driven(loop())).rejects.toMatchObject({
      code: 'corruptData',
      message: expect.stringContaining(
        'The records from 3 to 5 of shardId-000000000000 cannot be read',
      ) as string,
    })
    expect(seen).toEqual([0, 1, 2])
    await end()
  })
})

describe('requests', () => {
  it('one fetch carries all shards of a host', async () => {
    const broker = new FakeBroker({ shards: 8, hosts: 2 })
    const asked: number[] = []
    broker.disturb = (message) => {
      if (message.operation === 'fetch') asked.push(message.request.shards.length)
      return 'none'
    }
    for (const { index } of broker.shards) fill(broker, index, [1])
    const { client, end } = await connectTo(broker)
    await driven(collect(client.read('clicks')))
    expect(asked).toEqual([4, 4])
    await end()
  })

  it('the next fetch runs while the loop uses records, until the buffer is full', async () => {
    const broker = new FakeBroker()
    const batch = () => batchOf(Array.from({ length: 100 }, (_, i) => `${'x'.repeat(100)}${i}`))
    const bytes = batch().length
    for (let i = 0; i < 50; i++) broker.store(0, batch())
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks', { bufferBytesMax: 4 * bytes })
    const iterator = reading[Symbol.asyncIterator]()
    await driven(iterator.next())
    await turns(50)
    const fetched = broker.received.filter((name) => name === 'fetch').length
    expect(fetched).toBeLessThanOrEqual(3)
    let records = 1
    const rest = async () => {
      while (!(await iterator.next()).done) records++
    }
    await driven(rest())
    expect(records).toBe(5000)
    await end()
  })

  it('give up after the time that the policy allows, with the last error', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [1])
    const client = await driven(
      connect('millrace://fake', {
        dial: broker.dial,
        requestTimeoutMs: 500,
        retry: { backoffMinMs: 1, backoffMaxMs: 20, giveUpAfterMs: 2000 },
      }),
    )
    const reads = collect(client.read('clicks', { follow: true }))
    reads.catch(() => {})
    await turns(20)
    broker.stopHost(1)
    await expect(driven(reads, { limitMs: 5000 })).rejects.toMatchObject({ code: 'unavailable' })
    await driven(client.close())
  })
})
