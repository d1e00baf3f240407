// A record that waits is told of, and one that ends otherwise than stored says why, where, and whether it may be stored.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, type ConnectOptions, type LogEntry, type ProducerOptions } from '../../../client/index.ts'
import { retryAfterBounds } from '../../../client/producer/buffer/drain-rate.ts'
import type { Disturbance } from '../support/disturbance.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const shardId = 'shardId-000000000000'
const place = `${shardId} at 127.0.0.1:7401`
const record = { partitionKey: 'ada', data: '1' }

async function connected(broker: FakeBroker, options: ConnectOptions = {}) {
  const log: LogEntry[] = []
  const client = await driven(
    connect('millrace://fake', {
      dial: broker.dial,
      requestTimeoutMs: 10_000,
      retry: { backoffMinMs: 1, backoffMaxMs: 20 },
      log: (entry) => log.push(entry),
      ...options,
    }),
  )
  /** What was said of waiting records. */
  const waits = () => log.filter(({ message }) => message.startsWith('records')).map(({ message }) => message)
  return { client, log, waits }
}

async function producing(broker: FakeBroker, options: ProducerOptions = {}) {
  const { client, log, waits } = await connected(broker)
  const producer = await driven(client.producer('clicks', options))
  return { client, producer, log, waits, end: () => driven(client.close()) }
}

const onAppend = (broker: FakeBroker, what: Disturbance) => {
  broker.disturb = ({ operation }) => (operation === 'append' ? what : 'none')
}

/** The error that a record ends with; it is handled from the beginning. */
const failureOf = (sent: Promise<unknown>) =>
  sent.then(
    () => undefined,
    (error: unknown) => error,
  )

const failure = (code: string, sideEffects: 'none' | 'possible', message: RegExp | string) =>
  expect.objectContaining({
    code,
    sideEffects,
    message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
  }) as unknown

describe('a record that waits longer than five seconds', () => {
  it('is told of once, with the host that cannot be reached, and again after it came and went', async () => {
    const broker = new FakeBroker()
    broker.stopHost(1)
    const { producer, log, waits, end } = await producing(broker)
    const sent = producer.send(record)
    await pass(4800)
    expect(waits()).toEqual([])
    await pass(60_000, 100)
    expect(waits()).toHaveLength(1)
    expect(waits()[0]).toMatch(new RegExp(`^records for ${shardId} have waited [56] s for `))
    expect(log.find(({ message }) => message === waits()[0])).toMatchObject({
      level: 'warn',
      stream: 'clicks',
      shardId,
      address: '127.0.0.1:7401',
      error: { code: 'unavailable' },
    })
    broker.startHost(1)
    await driven(sent)
    broker.stopHost(1)
    const again = producer.send(record)
    await pass(8000, 100)
    expect(waits()).toHaveLength(2)
    broker.startHost(1)
    await driven(again)
    await end()
  })

  it('is told of where the host does not answer, and where it refuses', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { producer, waits, end } = await producing(broker)
    const sent = producer.send(record)
    await pass(7000, 100)
    expect(waits()).toEqual([expect.stringMatching(/ have waited [56] s for an answer of its host$/)])
    onAppend(broker, { refuseBatch: () => 'storageFull' })
    broker.disconnect(7401)
    await pass(7000, 100)
    expect(waits()).toHaveLength(2)
    onAppend(broker, 'none')
    await driven(sent)
    await end()
  })

  it('is told of where a put waits for the shards of its stream, and not where it does not wait', async () => {
    const broker = new FakeBroker()
    const { client, waits } = await connected(broker)
    broker.disturb = ({ operation }) => (operation === 'describeRouting' ? 'hangs' : 'none')
    const put = failureOf(client.put('clicks', record))
    await pass(4900, 100)
    expect(waits()).toEqual([])
    await pass(200, 100)
    expect(waits()).toEqual([
      'records have waited 5 s for the broker to say where the shards of their stream are',
    ])
    expect(await driven(put)).toEqual(
      failure('unavailable', 'none', /The record was not sent and is not stored\.$/),
    )
    broker.disturb = () => 'none'
    await driven(client.put('clicks', record))
    await driven(client.close())
    expect(waits()).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a record that ends otherwise than stored', () => {
  it('where the buffer is full: was not taken, and says when there is room', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { producer, end } = await producing(broker, { bufferBytesMax: 1000 })
    while (producer.bufferedBytes < 1000) void producer.push(record)
    const { msMin, msMax } = retryAfterBounds
    const error = (await failureOf(producer.send(record))) as { retryAfterMs: number }
    expect(error).toEqual(failure('overloaded', 'none', /The record was not taken and is not stored\.$/))
    expect(error.retryAfterMs).toBe(msMin)
    await pass(200)
    const later = (await failureOf(producer.send(record))) as { retryAfterMs: number }
    expect(later.retryAfterMs).toBeGreaterThan(msMin)
    expect(later.retryAfterMs).toBeLessThanOrEqual(msMax)
    onAppend(broker, 'none')
    broker.disconnect(7401)
    await end()
  })

  it('past its deadline and never sent: is not stored, and names the host that was not reached', async () => {
    const broker = new FakeBroker()
    broker.stopHost(1)
    const { producer, end } = await producing(broker, { deliveryTimeoutMs: 500 })
    const message = new RegExp(
      `^No connection to .*7401.*ECONNREFUSED.* Records for ${place} were tried for 500 ms and are not stored\\.$`,
    )
    expect(await driven(failureOf(producer.send(record)))).toEqual(failure('unavailable', 'none', message))
    await end()
  })

  it('past its deadline and never sent, without any error: is not stored', async () => {
    const broker = new FakeBroker()
    const { client } = await connected(broker, {
      dial: (to, signal) => (to.port === 7401 ? new Promise(() => {}) : broker.dial(to, signal)),
    })
    const producer = await driven(client.producer('clicks', { deliveryTimeoutMs: 500 }))
    const message = `The host took nothing for the shard. Records for ${place} were tried for 500 ms and are not stored.`
    expect(await driven(failureOf(producer.send(record)))).toEqual(failure('unavailable', 'none', message))
    await driven(client.close())
  })

  it('past its deadline and refused until then: is not stored, and says the last refusal', async () => {
    const broker = new FakeBroker()
    onAppend(broker, { refuseBatch: () => 'storageFull' })
    const { producer, end } = await producing(broker, { deliveryTimeoutMs: 500 })
    const message = new RegExp(
      `storageFull.* Records for ${place} were tried for 500 ms and are not stored\\.$`,
    )
    expect(await driven(failureOf(producer.send(record)))).toEqual(failure('storageFull', 'none', message))
    await end()
  })

  it.each(['lostBefore', 'lostAfter', 'hangs'] as const)(
    'past its deadline, sent and not answered (%s): may be stored, and says the last error',
    async (what) => {
      const broker = new FakeBroker()
      onAppend(broker, what)
      const { producer, end } = await producing(broker, { deliveryTimeoutMs: 500 })
      const message = new RegExp(
        `^Records for ${place} were tried for 500 ms and may be stored: .*127\\.0\\.0\\.1:7401`,
      )
      expect(await driven(failureOf(producer.send(record)))).toEqual(
        failure('outcomeUnknown', 'possible', message),
      )
      onAppend(broker, 'none')
      await end()
    },
  )

  it('refused for good: is not stored, and says where', async () => {
    const broker = new FakeBroker()
    onAppend(broker, { refuseBatch: () => 'invalidBatch' })
    const { producer, end } = await producing(broker)
    const message = new RegExp(`invalidBatch.* Records for ${place} are not stored\\.$`)
    expect(await driven(failureOf(producer.send(record)))).toEqual(failure('invalidBatch', 'none', message))
    await end()
  })

  it('stored so long ago that its number is forgotten: says that it is stored', async () => {
    const broker = new FakeBroker()
    onAppend(broker, { refuseBatch: () => 'duplicateTooOld', stores: true })
    const { producer, end } = await producing(broker)
    const message = new RegExp(
      `Records for ${place} are stored, under numbers that the host has forgotten\\.$`,
    )
    expect(await driven(failureOf(producer.send(record)))).toEqual(
      failure('duplicateTooOld', 'possible', message),
    )
    await end()
  })

  it.each([
    ['hangs', 'outcomeUnknown', 'possible'],
    ['lostAfter', 'outcomeUnknown', 'possible'],
    [{ refuseBatch: () => 'shardNotFound' }, 'streamNotFound', 'none'],
  ] as const)(
    'of a stream that is deleted meanwhile (%o): %s, side effects %s',
    async (what, code, sideEffects) => {
      const broker = new FakeBroker()
      onAppend(broker, what)
      const { producer, end } = await producing(broker)
      const sent = failureOf(producer.send(record))
      await turns(10)
      broker.exists = false
      broker.stopHost(1)
      expect(await driven(sent)).toEqual(failure(code, sideEffects, new RegExp(shardId)))
      await end()
    },
  )

  const stored = /^Records for .* may be stored: they were sent/
  const notStored =
    /^The producer was ended before the record was acknowledged\. Records for .* are not stored\./

  it.each([
    ['in flight', 'hangs', 'possible', stored],
    ['sent over a connection that was lost', 'lostBefore', 'possible', stored],
    ['refused, and about to be sent again', { refuseBatch: () => 'storageFull' }, 'none', notStored],
  ] as const)('aborted while %s', async (_, what, sideEffects, message) => {
    const broker = new FakeBroker()
    onAppend(broker, what)
    const aborter = new AbortController()
    const { producer, end } = await producing(broker, { signal: aborter.signal })
    const sent = failureOf(producer.send(record))
    await turns(20)
    if (what === 'lostBefore') broker.stopHost(1)
    await turns(20)
    aborter.abort(new Error('enough'))
    const error = (await driven(sent)) as Error
    expect(error).toEqual(failure('aborted', sideEffects, message))
    expect(error.cause).toEqual(new Error('enough'))
    if (typeof what === 'object') expect(error.message).toMatch(/ The last error: .*storageFull/)
    const later = failure('aborted', 'none', /The record was not sent and is not stored\.$/)
    expect(await failureOf(producer.send(record))).toEqual(later)
    await end()
  })

  it('aborted while it waits behind what is in flight, or for its host: is not stored', async () => {
    const broker = new FakeBroker({ shards: 2, hosts: 2 })
    onAppend(broker, 'hangs')
    broker.stopHost(2)
    const { producer, end } = await producing(broker)
    const send = (explicitHashKey: string) => failureOf(producer.send({ ...record, explicitHashKey }))
    const inFlight = send('0')
    const unreachable = send(String(2n ** 128n - 1n))
    await turns(20)
    // Batches that are not full wait while two requests are under way.
    const second = send('0')
    await turns(20)
    const behind = send('0')
    await turns(20)
    expect(broker.appendSizes).toHaveLength(2)
    producer.abort()
    expect(await inFlight).toEqual(failure('aborted', 'possible', stored))
    expect(await second).toEqual(failure('aborted', 'possible', stored))
    expect(await behind).toEqual(failure('aborted', 'none', notStored))
    expect(await unreachable).toEqual(
      failure('aborted', 'none', /not stored\. The last error: No connection to /),
    )
    await end()
  })

  it('closed with a signal while in flight: may be stored; what comes after the close is not taken', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { producer, end } = await producing(broker)
    const sent = failureOf(producer.send(record))
    await turns(10)
    const aborter = new AbortController()
    const closed = failureOf(producer.close({ signal: aborter.signal }))
    const late = failure(
      'closed',
      'none',
      'The producer was closed. The record was not sent and is not stored.',
    )
    expect(await failureOf(producer.send(record))).toEqual(late)
    aborter.abort()
    await closed
    expect(await sent).toEqual(failure('aborted', 'possible', stored))
    await end()
  })
})

describe('a put that ends otherwise than stored', () => {
  it('by its signal: is not sent where it still waits, and may be stored where it does not', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { client } = await connected(broker)
    const fired = await failureOf(client.put('clicks', record, { signal: AbortSignal.abort() }))
    expect(fired).toEqual(failure('aborted', 'none', /The record was not sent and is not stored\.$/))
    const aborters = [new AbortController(), new AbortController()]
    const [waiting, sent] = aborters.map(({ signal }) => failureOf(client.put('clicks', record, { signal })))
    aborters[0]!.abort()
    expect(await waiting).toEqual(failure('aborted', 'none', /The record was not sent and is not stored\.$/))
    await turns(20)
    expect(broker.appendSizes).toEqual([1])
    const under = new AbortController()
    const another = failureOf(client.put('clicks', record, { signal: under.signal }))
    aborters[1]!.abort()
    under.abort()
    const taken = failure('aborted', 'possible', /it may be stored, or may become so\.$/)
    expect(await Promise.all([sent, another])).toEqual([taken, taken])
    onAppend(broker, 'none')
    broker.disconnect(7401)
    await driven(client.close())
    expect(broker.recordsOf(0)).toHaveLength(2)
  })

  it('by the signal of putMany: none is stored before the first was taken, and some may be after that', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { client } = await connected(broker)
    const putMany = (signal: AbortSignal) => failureOf(client.putMany('clicks', [record], { signal }))
    expect(await putMany(AbortSignal.abort())).toEqual(failure('aborted', 'none', /not stored\.$/))
    const aborter = new AbortController()
    const put = putMany(aborter.signal)
    await turns(20)
    aborter.abort()
    expect(await put).toEqual(
      failure('aborted', 'possible', /taken before may be stored, or may become so\.$/),
    )
    onAppend(broker, 'none')
    broker.disconnect(7401)
    await driven(client.close())
  })

  it('because the client ends: says so for each by itself', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const aborter = new AbortController()
    const { client } = await connected(broker, { signal: aborter.signal })
    const sent = failureOf(client.put('clicks', record))
    await turns(20)
    const waiting = failureOf(client.put('other', record))
    aborter.abort()
    expect(await sent).toEqual(failure('aborted', 'possible', stored))
    expect(await driven(waiting)).toEqual(expect.objectContaining({ sideEffects: 'none' }))
    const late = failureOf(client.put('clicks', record))
    expect(await driven(late)).toEqual(expect.objectContaining({ sideEffects: 'none' }))
    await driven(client.close())
  })

  const stored = /^Records for .* may be stored: they were sent/
})
