// The client as a whole: connecting, putting, administering, and ending.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, json, type Client, type ConnectOptions } from '../../client/index.ts'
import { driven, fakeTime, pass, turns } from './support/drive.ts'
import { FakeBroker } from './support/fake-broker.ts'
import { fill } from './support/fill.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

function connectTo(broker: FakeBroker, options: ConnectOptions = {}): Promise<Client> {
  return driven(connect('millrace://fake', { dial: broker.dial, ...options }))
}

describe('connect', () => {
  it('tries the addresses in turn, and is unavailable when none answers', async () => {
    const broker = new FakeBroker()
    const tried: number[] = []
    const dial: typeof broker.dial = (address, signal) => {
      tried.push(address.port)
      return address.port === 7400 ? broker.dial(address, signal) : Promise.reject(new Error('refused'))
    }
    const client = await driven(connect('millrace://a:1,b:2,c:7400', { dial }))
    expect(tried).toEqual([1, 2, 7400])
    await driven(client.close())
    await expect(driven(connect('millrace://a:1,b:2', { dial }))).rejects.toMatchObject({
      code: 'unavailable',
      message: 'No connection to b:2: refused.',
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('refuses invalid options, naming value and bound', async () => {
    await expect(connect('millrace://a', { requestTimeoutMs: -1 })).rejects.toThrow(
      'requestTimeoutMs is -1; it must be from 1 to 3600000.',
    )
    await expect(connect('http://a')).rejects.toMatchObject({ code: 'invalidArgument' })
  })

  it('ends with aborted when its signal fires, before and after it is connected', async () => {
    const broker = new FakeBroker()
    const signal = AbortSignal.abort()
    await expect(connect('millrace://a', { dial: broker.dial, signal })).rejects.toMatchObject({
      code: 'aborted',
    })
    const aborter = new AbortController()
    const client = await connectTo(broker, { signal: aborter.signal })
    const loop = (async () => {
      for await (const record of client.read('clicks', { follow: true })) void record
    })()
    loop.catch(() => {})
    broker.disturb = ({ operation }) => (operation === 'append' ? 'hangs' : 'none')
    const put = client.put('clicks', { partitionKey: 'ada', data: '1' })
    put.catch(() => {})
    await turns(10)
    aborter.abort(new Error('enough'))
    await expect(loop).rejects.toMatchObject({ code: 'aborted' })
    await expect(put).rejects.toMatchObject({ code: 'aborted', sideEffects: 'possible' })
    await expect(client.put('clicks', { partitionKey: 'ada', data: '2' })).rejects.toMatchObject({
      code: 'aborted',
    })
    await turns()
    expect(broker.sessionCount).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('put and putMany', () => {
  it('acknowledge with shard, number, time and durability', async () => {
    const broker = new FakeBroker()
    const client = await connectTo(broker)
    const acknowledgement = await driven(client.put('clicks', { partitionKey: 'ada', data: 'hello' }))
    expect(acknowledgement).toEqual({
      streamId: broker.streamId,
      shardId: 'shardId-000000000000',
      sequenceNumber: 0,
      arrivalTime: expect.any(Date) as Date,
      durability: 'disk',
      attempts: [expect.objectContaining({ number: 1, errorCode: null })],
    })
    const click = { user: 'ada', page: 1 }
    await driven(client.put('clicks', { partitionKey: 'ada', data: click }, { codec: json<typeof click>() }))
    expect(broker.recordsOf(0).map(({ data }) => Buffer.from(data).toString())).toEqual([
      'hello',
      '{"user":"ada","page":1}',
    ])
    await driven(client.close())
  })

  it('concurrent puts are sent in one batch, in their order', async () => {
    const broker = new FakeBroker()
    const client = await connectTo(broker)
    await driven(client.put('clicks', { partitionKey: 'first', data: 'first' }))
    const puts = Array.from({ length: 50 }, (_, i) =>
      client.put('clicks', { partitionKey: 'k', data: `${i}` }),
    )
    const numbers = (await driven(Promise.all(puts))).map(({ sequenceNumber }) => sequenceNumber)
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(broker.appendSizes.length).toBeLessThanOrEqual(3)
    await driven(client.close())
  })

  it('are stored once when the connection breaks after the broker has stored them', async () => {
    const broker = new FakeBroker()
    let isFirst = true
    broker.disturb = ({ operation }) => {
      if (operation !== 'append' || !isFirst) return 'none'
      isFirst = false
      return 'lostAfter'
    }
    const client = await connectTo(broker)
    const { sequenceNumber } = await driven(client.put('clicks', { partitionKey: 'ada', data: '1' }))
    expect(sequenceNumber).toBe(0)
    expect(broker.recordsOf(0)).toHaveLength(1)
    await driven(client.close())
  })

  it('take a whole record that was read, also with a codec, and records of any class', async () => {
    const broker = new FakeBroker()
    const client = await connectTo(broker)
    const headers = { trace: Buffer.from('x') }
    const first = { partitionKey: 'ada', data: '{"n":1}', timestamp: 7, explicitHashKey: '5', headers }
    await driven(client.put('clicks', first))
    const reading = client.read('clicks', { codec: json<{ n: number }>() }).batches()
    const [record] = (await driven(reading.next())).value!
    await driven(reading.return())
    class Own {
      readonly data = record!.data
      get partitionKey() {
        return 'bob'
      }
    }
    // The producer behind put is not made yet for the first of them, so that it waits as a copy.
    const other = await connectTo(broker)
    const codec = json<{ n: number }>()
    const puts = [record!, { ...record! }, new Own()].map((each) => other.put('clicks', each, { codec }))
    await driven(Promise.all([...puts, other.put('clicks', { ...record!, data: record!.bytes })]))
    const stored = broker.recordsOf(0).map(({ partitionKey, data, timestamp }) => [partitionKey, `${Buffer.from(data)}`, timestamp]) // prettier-ignore
    const copy = ['ada', '{"n":1}', 7]
    expect(stored).toEqual([copy, copy, copy, ['bob', '{"n":1}', expect.any(Number)], copy])
    expect(broker.recordsOf(0).filter((each) => each.headers['trace'] !== undefined)).toHaveLength(4)
    await driven(Promise.all([client.close(), other.close()]))
  })

  it('putMany returns a result for each record, in order', async () => {
    const broker = new FakeBroker({ shards: 2 })
    const client = await connectTo(broker)
    const results = await driven(
      client.putMany('clicks', [
        { partitionKey: 'ada', data: '1' },
        { partitionKey: '', data: '2' },
        { partitionKey: 'bob', data: '3', explicitHashKey: '340282366920938463463374607431768211456' },
        { partitionKey: 'cyd', data: '4', explicitHashKey: '0' },
      ]),
    )
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, true])
    expect(results[1]).toMatchObject({ error: { code: 'invalidArgument' } })
    expect(results[3]).toMatchObject({ acknowledgement: { shardId: 'shardId-000000000000' } })
    await driven(client.close())
  })

  it('a missing stream rejects with streamNotFound, and is looked up again the next time', async () => {
    const broker = new FakeBroker()
    const client = await connectTo(broker)
    const put = () => driven(client.put('other', { partitionKey: 'ada', data: '1' }))
    await expect(put()).rejects.toMatchObject({ code: 'streamNotFound' })
    await expect(put()).rejects.toMatchObject({ code: 'streamNotFound' })
    expect(broker.received.filter((name) => name === 'describeRouting')).toHaveLength(2)
    await driven(client.close())
  })

  it('a signal ends the wait, but does not withdraw the record', async () => {
    const broker = new FakeBroker()
    broker.disturb = ({ operation }) => (operation === 'append' ? 'hangs' : 'none')
    const client = await connectTo(broker)
    const aborter = new AbortController()
    const put = client.put('clicks', { partitionKey: 'ada', data: '1' }, { signal: aborter.signal })
    put.catch(() => {})
    await turns(10)
    aborter.abort()
    await expect(put).rejects.toMatchObject({ code: 'aborted', sideEffects: 'possible' })
    broker.disturb = () => 'none'
    await driven(client.close())
    expect(broker.recordsOf(0)).toHaveLength(1)
  })
})

describe('requests to the controller', () => {
  it('are repeated if they may be, over a new connection if the old one was lost', async () => {
    const broker = new FakeBroker()
    const client = await connectTo(broker)
    const troubles = ['lostBefore', { refuse: 'unavailable' }, 'lostAfter'] as const
    let calls = 0
    broker.disturb = ({ operation }) =>
      operation === 'describeStream' ? (troubles[calls++] ?? 'none') : 'none'
    await expect(driven(client.describeStream('clicks'))).resolves.toMatchObject({ name: 'clicks', id: 1 })
    expect(calls).toBe(4)
    await driven(client.close())
  })

  it('are not repeated if they may have had an effect and are not idempotent', async () => {
    const broker = new FakeBroker()
    const client = await connectTo(broker)
    broker.disturb = ({ operation }) => (operation === 'createStream' ? 'lostAfter' : 'none')
    await expect(driven(client.createStream('clicks'))).rejects.toMatchObject({ code: 'connectionLost' })
    expect(broker.received.filter((name) => name === 'createStream')).toHaveLength(1)
    await driven(client.close())
  })

  it('space their attempts to connect while the broker is away', async () => {
    const broker = new FakeBroker()
    let dials = 0
    const dial: typeof broker.dial = (address, signal) => {
      dials++
      return broker.exists ? broker.dial(address, signal) : Promise.reject(new Error('refused'))
    }
    const client = await connectTo(broker, { dial, requestTimeoutMs: 10_000 })
    broker.exists = false
    broker.disconnect()
    const described = client.describeStream('clicks')
    described.catch(() => {})
    await pass(11_000, 50)
    await expect(described).rejects.toMatchObject({ code: 'unavailable' })
    expect(dials).toBeLessThan(20)
    await driven(client.close())
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('close', () => {
  it('ends loops, flushes producers, and leaves no connection and no timer', async () => {
    const broker = new FakeBroker({ shards: 2, hosts: 2 })
    fill(broker, 0, [3])
    const client = await connectTo(broker)
    const loops = [client.read('clicks', { follow: true }), client.subscribe('clicks')].map(
      async (reading) => {
        for await (const record of reading) void record
      },
    )
    const producer = await driven(client.producer('clicks', { lingerMs: 60_000 }))
    void producer.push({ partitionKey: 'ada', data: '1' })
    await turns(10)
    await driven(client.close(), { limitMs: 1000 })
    await driven(Promise.all(loops))
    await turns()
    expect([...broker.recordsOf(0), ...broker.recordsOf(1)]).toHaveLength(4)
    expect(broker.sessionCount).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
    await expect(client.describeStream('clicks')).rejects.toMatchObject({ code: 'closed' })
    await expect(client.producer('clicks')).rejects.toMatchObject({ code: 'closed' })
    expect(() => client.read('clicks')).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  it('with a signal, does not wait for records that cannot be stored', async () => {
    const broker = new FakeBroker()
    broker.disturb = ({ operation }) => (operation === 'append' ? { refuse: 'overloaded' } : 'none')
    const client = await connectTo(broker)
    const put = client.put('clicks', { partitionKey: 'ada', data: '1' })
    put.catch(() => {})
    await turns(10)
    const aborter = new AbortController()
    const closing = client.close({ signal: aborter.signal })
    await pass(100)
    aborter.abort()
    // The refusal is told to the one who waits for the record; closing itself did not fail.
    await driven(closing, { limitMs: 100 })
    await expect(put).rejects.toMatchObject({ code: 'aborted' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a signal that has fired already ends a call at once', async () => {
    const broker = new FakeBroker()
    const client = await connectTo(broker)
    const signal = AbortSignal.abort(new Error('too late'))
    await driven(client.describeStream('clicks'))
    const aborted = { code: 'aborted', cause: new Error('too late') }
    await expect(client.describeStream('clicks', { signal })).rejects.toMatchObject(aborted)
    await expect(driven(client.producer('clicks', { signal }))).rejects.toMatchObject(aborted)
    await expect(client.put('clicks', { partitionKey: 'a', data: '' }, { signal })).rejects.toMatchObject(
      aborted,
    )
    for (const reading of [client.read('clicks', { signal }), client.subscribe('clicks', { signal })]) {
      const loop = async () => {
        for await (const record of reading) void record
      }
      await expect(driven(loop())).rejects.toMatchObject(aborted)
    }
    await driven(client.close())
    expect(vi.getTimerCount()).toBe(0)
  })

  it('happens at the end of await using', async () => {
    const broker = new FakeBroker()
    const use = async () => {
      await using client = await connect('millrace://fake', { dial: broker.dial })
      await using producer = await client.producer('clicks')
      void producer.push({ partitionKey: 'ada', data: '1' })
    }
    await driven(use())
    await turns()
    expect(broker.recordsOf(0)).toHaveLength(1)
    expect(broker.sessionCount).toBe(0)
  })
})
