// What a producer does with time, memory and failures: when batches leave, when it asks to wait, what it reports.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, json, MillraceError, type Producer, type ProducerOptions } from '../../../client/index.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { limits } from '../../../protocol/limits.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { holdingAppends } from './support/producing.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const KiB = 1024

async function producing<In = string | Uint8Array>(
  broker: FakeBroker,
  options: ProducerOptions<In> = {},
): Promise<{ producer: Producer<In>; end: () => Promise<void> }> {
  const client = await driven(
    connect('millrace://fake', {
      dial: broker.dial,
      requestTimeoutMs: 1000,
      retry: { backoffMinMs: 1, backoffMaxMs: 20 },
    }),
  )
  const producer = await driven(client.producer('clicks', options))
  return { producer, end: () => driven(client.close()) }
}

describe('memory', () => {
  it('asks to wait from half of the buffer on, refuses at its end, and goes on when there is room', async () => {
    const broker = new FakeBroker()
    const release = holdingAppends(broker)
    const { producer, end } = await producing(broker, { bufferBytesMax: 64 * KiB })
    const record = { partitionKey: 'ada', data: new Uint8Array(KiB) }
    let taken = 0
    while (producer.push(record) === undefined) taken++
    expect(producer.bufferedBytes).toBeGreaterThanOrEqual(32 * KiB)
    expect(producer.bufferedBytes).toBeLessThan(34 * KiB)
    while (producer.bufferedBytes < 64 * KiB) {
      void producer.push(record)
      taken++
    }
    expect(() => producer.push(record)).toThrow(expect.objectContaining({ code: 'overloaded' }))
    await expect(producer.send(record)).rejects.toMatchObject({ code: 'overloaded', sideEffects: 'none' })
    const room = vi.fn<() => void>()
    const waiting = producer.ready()!.then(room)
    await turns(10)
    expect(room).not.toHaveBeenCalled()
    release()
    await driven(waiting)
    expect(producer.bufferedBytes).toBeLessThanOrEqual(16 * KiB)
    await end()
    expect(broker.recordsOf(0)).toHaveLength(taken + 1)
  })

  it('gives the event loop its turn even while the buffer is far from full', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    const loop = async () => {
      for (let i = 0; i < 3000; i++) {
        const wait = producer.push({ partitionKey: 'ada', data: new Uint8Array(KiB) })
        if (wait !== undefined) await wait
      }
    }
    const looping = loop()
    await turns(10)
    expect(broker.recordsOf(0).length).toBeGreaterThan(0)
    await driven(looping)
    await end()
  })

  it('a loop that waits keeps what is buffered within the bound, however slow the broker is', async () => {
    const broker = new FakeBroker()
    let appends = 0
    broker.disturb = ({ operation }) =>
      operation === 'append' && appends++ % 3 > 0 ? { refuse: 'overloaded' } : 'none'
    const { producer, end } = await producing(broker, { bufferBytesMax: 64 * KiB, batchBytes: 8 * KiB })
    let most = 0
    const loop = async () => {
      for (let i = 0; i < 500; i++) {
        await producer.ready()
        void producer.push({ partitionKey: `user ${i % 7}`, data: new Uint8Array(KiB) })
        most = Math.max(most, producer.bufferedBytes)
      }
    }
    await driven(loop())
    await end()
    expect(most).toBeLessThan(35 * KiB)
    expect(broker.recordsOf(0)).toHaveLength(500)
  })
})

describe('records', () => {
  it('arrive with key, data, explicit hash key, timestamp and headers', async () => {
    const broker = new FakeBroker({ shards: 2 })
    const { producer, end } = await producing(broker, { codec: json<{ page: number }>() })
    const acknowledgement = producer.send({
      partitionKey: 'ada',
      data: { page: 7 },
      explicitHashKey: 2n ** 128n - 1n,
      timestamp: new Date(1234),
      headers: { trace: 'abc', raw: Uint8Array.of(1) },
    })
    await expect(driven(acknowledgement)).resolves.toMatchObject({ shardId: 'shardId-000000000001' })
    const [record] = broker.recordsOf(1)
    expect(record!.timestamp).toBe(1234)
    expect(Buffer.from(record!.data).toString()).toBe('{"page":7}')
    expect(Object.entries(record!.headers)).toEqual([
      ['trace', Buffer.from('abc')],
      ['raw', Buffer.of(1)],
    ])
    await end()
  })

  it('that cannot be encoded are refused by themselves, before anything is sent', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker, { codec: json<unknown>() })
    const good = producer.send({ partitionKey: 'ada', data: 1 })
    const bad = [
      [{ partitionKey: 'ada', data: undefined }, 'codecFailed'],
      [{ partitionKey: '', data: 1 }, 'invalidArgument'],
      [{ partitionKey: 'x'.repeat(257), data: 1 }, 'invalidArgument'],
      [{ partitionKey: undefined as never, data: 1 }, 'invalidArgument'],
      [{ partitionKey: 'ada', data: 1, explicitHashKey: '-1' }, 'invalidArgument'],
      [{ partitionKey: 'ada', data: 1, timestamp: -1 }, 'invalidArgument'],
      [{ partitionKey: '\ud83d', data: 1 }, 'invalidArgument'],
      [{ partitionKey: 'ada', data: 1, headers: { note: 'a\udc00' } }, 'invalidArgument'],
    ] as const
    for (const [record, code] of bad) await expect(producer.send(record)).rejects.toMatchObject({ code })
    const after = producer.send({ partitionKey: 'ada', data: 2 })
    await expect(driven(Promise.all([good, after]))).resolves.toMatchObject([
      { sequenceNumber: 0 },
      { sequenceNumber: 1 },
    ])
    await end()
  })

  it('of one call may be changed by the caller afterwards: they are copied', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    const data = new Uint8Array(3).fill(1)
    void producer.push({ partitionKey: 'ada', data })
    data.fill(9)
    await end()
    expect([...broker.recordsOf(0)[0]!.data]).toEqual([1, 1, 1])
  })

  it.each(['gzip', 'none'] as const)('compressed with %s are read back', async (compression) => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker, { compression })
    for (let i = 0; i < 100; i++)
      void producer.push({ partitionKey: 'ada', data: 'the same again and again' })
    await end()
    expect(broker.recordsOf(0)).toHaveLength(100)
  })
})

describe('failures', () => {
  it('flush and close report the refusal of a record that nobody waits for, once', async () => {
    const broker = new FakeBroker()
    broker.disturb = ({ operation }) =>
      operation === 'append' ? { refuseBatch: () => 'invalidBatch' } : 'none'
    const refused: string[] = []
    const { producer, end } = await producing(broker, { onRefused: ({ code }) => refused.push(code) })
    void producer.push({ partitionKey: 'ada', data: '1' })
    await expect(driven(producer.flush())).rejects.toMatchObject({ code: 'invalidBatch' })
    await driven(producer.flush())
    void producer.push({ partitionKey: 'ada', data: '2' })
    await expect(driven(producer.close())).rejects.toMatchObject({ code: 'invalidBatch' })
    expect(refused).toEqual(['invalidBatch', 'invalidBatch'])
    await end()
  })

  it('may not try longer than the broker remembers it: what it sends again could be stored twice', async () => {
    const longer = { deliveryTimeoutMs: limits.producerIdleMsMin + 1 }
    await expect(producing(new FakeBroker(), longer)).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('deliveryTimeoutMs'),
    })
  })

  it('past the delivery deadline, a record that was never sent is unavailable: it is certainly not stored', async () => {
    const broker = new FakeBroker()
    broker.stopHost(1)
    const { producer, end } = await producing(broker, { deliveryTimeoutMs: 500 })
    const sent = producer.send({ partitionKey: 'ada', data: '1' })
    sent.catch(() => {})
    await pass(1000)
    await expect(sent).rejects.toMatchObject({ code: 'unavailable', sideEffects: 'none' })
    broker.startHost(1)
    await driven(producer.send({ partitionKey: 'ada', data: '2' }))
    expect(broker.recordsOf(0).map(({ data }) => Buffer.from(data).toString())).toEqual(['2'])
    await end()
  })

  it('past the delivery deadline, a refused record fails with its refusal, and one that was not answered as unknown', async () => {
    const broker = new FakeBroker()
    broker.disturb = ({ operation }) =>
      operation === 'append' ? { refuseBatch: () => 'storageFull' } : 'none'
    const { producer, end } = await producing(broker, { deliveryTimeoutMs: 300 })
    const refused = producer.send({ partitionKey: 'ada', data: '1' })
    refused.catch(() => {})
    await pass(600)
    await expect(refused).rejects.toMatchObject({ code: 'storageFull', sideEffects: 'none' })
    broker.disturb = ({ operation }) => (operation === 'append' ? 'lostAfter' : 'none')
    const unknown = producer.send({ partitionKey: 'ada', data: '2' })
    unknown.catch(() => {})
    await pass(600)
    await expect(unknown).rejects.toMatchObject({ code: 'outcomeUnknown', sideEffects: 'possible' })
    await end()
  })

  it('a broker that has forgotten the producer gets a new epoch, and nothing is lost', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    await driven(producer.send({ partitionKey: 'ada', data: '1' }))
    broker.shards[0]!.forgetProducers()
    await expect(driven(producer.send({ partitionKey: 'ada', data: '2' }))).resolves.toMatchObject({
      sequenceNumber: 1,
    })
    await end()
  })

  it('waits as long as the broker asks', async () => {
    const broker = new FakeBroker()
    let isFirst = true
    broker.disturb = ({ operation }) => {
      if (operation !== 'append' || !isFirst) return 'none'
      isFirst = false
      return { refuse: 'overloaded', retryAfterMs: 500 }
    }
    const { producer, end } = await producing(broker)
    const sent = producer.send({ partitionKey: 'ada', data: '1' })
    await pass(490)
    expect(broker.appendSizes).toHaveLength(1)
    await pass(30)
    await sent
    await end()
  })

  it('a stream that was deleted refuses with streamNotFound; one made again under its name takes the records', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    await driven(producer.send({ partitionKey: 'ada', data: '1' }))
    broker.exists = false
    await expect(driven(producer.send({ partitionKey: 'ada', data: '2' }))).rejects.toMatchObject({
      code: 'streamNotFound',
    })
    broker.exists = true
    broker.streamId = 2
    await driven(producer.send({ partitionKey: 'ada', data: '3' }))
    await end()
  })

  it('abort ends it at once, and what is not acknowledged may be stored', async () => {
    const broker = new FakeBroker()
    holdingAppends(broker)
    const aborter = new AbortController()
    const { producer, end } = await producing(broker, { signal: aborter.signal })
    const sent = producer.send({ partitionKey: 'ada', data: '1' })
    sent.catch(() => {})
    await turns(10)
    aborter.abort(new Error('enough'))
    await expect(sent).rejects.toMatchObject({ code: 'aborted', sideEffects: 'possible' })
    expect(() => producer.push({ partitionKey: 'ada', data: '2' })).toThrow(MillraceError)
    expect(producer.ready()).toBeUndefined()
    await driven(producer.close())
    await end()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a close with a signal ends when that fires, also if the producer and its client are being closed without', async () => {
    for (const what of ['producer', 'client'] as const) {
      const broker = new FakeBroker()
      broker.disturb = ({ operation }) => (operation === 'append' ? 'hangs' : 'none')
      const client = await driven(connect('millrace://fake', { dial: broker.dial }))
      const producer = await driven(client.producer('clicks'))
      const sent = producer.send({ partitionKey: 'ada', data: '1' })
      sent.catch(() => {})
      const closings = { producer, client }
      const first = closings[what].close().catch(() => {})
      const aborter = new AbortController()
      const second = closings[what].close({ signal: aborter.signal }).catch(() => {})
      await turns(10)
      aborter.abort()
      await turns(20)
      await expect(Promise.race([sent, turns(1)])).rejects.toMatchObject({ code: 'aborted' })
      await driven(Promise.all([first, second]))
      await driven(client.close())
    }
  })

  it('a closed producer refuses records as closed, and keeps no timer', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    void producer.push({ partitionKey: 'ada', data: '1' })
    await driven(producer.close())
    await expect(producer.send({ partitionKey: 'ada', data: '2' })).rejects.toMatchObject({ code: 'closed' })
    expect(broker.recordsOf(0)).toHaveLength(1)
    await end()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('refuses options out of their bounds, and a codec that this runtime does not have', async () => {
    const broker = new FakeBroker()
    const client = await driven(connect('millrace://fake', { dial: broker.dial }))
    await expect(driven(client.producer('clicks', { batchBytes: 0 }))).rejects.toMatchObject({
      code: 'invalidArgument',
    })
    if (Number(process.versions.node.split('.')[0]) < 22) {
      await expect(driven(client.producer('clicks', { compression: 'zstd' }))).rejects.toThrow(/zstd/)
    }
    await driven(client.close())
  })
})
