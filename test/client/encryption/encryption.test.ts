// What a client with keys appends is encrypted, whichever way it is appended, and nothing is ever sent in the open because a key
// could not be had.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Key, type LogEntry, type MillraceError } from '../../../client/index.ts'
import { codecAt, keyIdOf } from '../../../protocol/index.ts'
import { driven, fakeTime, pass } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { clientOf, holds, keyIdsIn, TestKeys } from './support/keys.ts'

let realTime: () => void
beforeEach(() => {
  realTime = fakeTime()
})
afterEach(() => realTime())

const SECRET = 'a-secret-that-nobody-must-see'
const secretRecord = { partitionKey: SECRET, data: SECRET, headers: { [SECRET]: SECRET } }
const failureOf = (promise: Promise<unknown>) => driven(promise.catch((error: unknown) => error))

describe('encryption', () => {
  it('stops waiting for a key when the client closes', async () => {
    const keys = { current: () => new Promise<Key>(() => {}), key: () => undefined }
    const { client, end } = await clientOf(new FakeBroker(), {
      encryption: { keys },
      requestTimeoutMs: 60_000,
    })
    const outcomes: unknown[] = []
    client.producer('clicks').catch((error: unknown) => outcomes.push(error))
    client.put('clicks', secretRecord).catch((error: unknown) => outcomes.push(error))
    await pass(100, 10)
    expect(outcomes).toEqual([])
    await end()
    await pass(100, 10)
    expect(outcomes).toMatchObject([{ code: 'closed' }, { code: 'closed', sideEffects: 'none' }])
  })

  it('covers put, putMany, producers and sinks, and gives back every record', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    const { client, end } = await clientOf(broker, { encryption: { keys } })
    await driven(client.put('clicks', secretRecord))
    await driven(client.putMany('clicks', [secretRecord, secretRecord]))
    const producer = await driven(client.producer('clicks', { compression: 'gzip' }))
    const compressible = { ...secretRecord, data: SECRET.repeat(50) }
    await driven(producer.send(compressible))
    await driven(producer.pushAll([compressible]))
    expect(new Set(keyIdsIn(broker))).toEqual(new Set(['key-1']))
    expect(holds(broker, SECRET)).toBe(false)
    expect(codecAt(broker.shards[0]!.batches.at(-1)!, 0)).toBe('gzip')
    const records = broker.recordsOf(0, keys.openerFor('clicks'))
    expect(records.map(({ partitionKey, data }) => [partitionKey, data.length])).toEqual([
      ...Array.from({ length: 3 }, () => [SECRET, SECRET.length]),
      ...Array.from({ length: 2 }, () => [SECRET, SECRET.length * 50]),
    ])
    await end()
  })

  it('leaves other streams than the named ones as they are', async () => {
    const broker = new FakeBroker()
    broker.hasAnyName = true
    const keys = new TestKeys()
    const { client, end } = await clientOf(broker, { encryption: { keys, streams: ['orders-*', 'clicks'] } })
    for (const stream of ['orders-', 'orders-1', 'order', 'clicks', 'clicks2', 'clic']) {
      await driven(client.put(stream, secretRecord))
    }
    expect(keyIdsIn(broker)).toEqual(['key-1', 'key-1', 'open', 'key-1', 'open', 'open'])
    expect(keys.asked).toEqual(['current orders-', 'current orders-1', 'current clicks'])
    await end()
  })

  it('takes up a new key in half of the lifetime, and asks once for many', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    const { client, end } = await clientOf(broker, { encryption: { keys, keyLifetimeMs: 10_000 } })
    const producer = await driven(client.producer('clicks'))
    const other = await driven(client.producer('clicks'))
    await driven(Promise.all([producer.send(secretRecord), other.send(secretRecord)]))
    expect(keys.asked).toEqual(['current clicks'])
    keys.currentId = 'key-2'
    await pass(4000, 500)
    await driven(producer.send(secretRecord))
    expect(keys.asked).toHaveLength(1)
    await pass(2000, 500)
    // This one asks, and does not wait for the answer.
    await driven(producer.send(secretRecord))
    await driven(producer.send(secretRecord))
    expect(keyIdsIn(broker)).toEqual(['key-1', 'key-1', 'key-1', 'key-1', 'key-2'])
    expect(keys.asked).toHaveLength(2)
    await end()
  })

  it('goes on with its key while the provider fails, then waits, and stores all once it answers', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    const told: LogEntry[] = []
    const { client, end } = await clientOf(broker, {
      encryption: { keys, keyLifetimeMs: 10_000 },
      log: (entry) => told.push(entry),
    })
    const producer = await driven(client.producer('clicks'))
    keys.outage = new Error('the vault is sealed')
    await pass(8000, 500)
    await driven(producer.send(secretRecord))
    expect(keyIdsIn(broker)).toEqual(['key-1'])
    await pass(3000, 500)
    const waiting = [producer.send(secretRecord), producer.send(secretRecord)]
    await pass(7000, 500)
    expect(keyIdsIn(broker)).toEqual(['key-1'])
    const failed = told.filter(({ error }) => (error as MillraceError)?.code === 'keyProviderFailed')
    expect(failed[0]).toMatchObject({ level: 'warn', stream: 'clicks' })
    expect(failed[0]!.error!.message).toContain('current("clicks"): the vault is sealed.')
    expect(told.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/have waited \d+ s for a key to encrypt them with/),
    )
    keys.outage = undefined
    keys.currentId = 'key-2'
    await driven(Promise.all(waiting))
    expect(keyIdsIn(broker)).toEqual(['key-1', 'key-2'])
    expect(holds(broker, SECRET)).toBe(false)
    await end()
  })

  it('refuses records at their deadline where no key came: not stored, and sent by nobody', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    const { client, end } = await clientOf(broker, { encryption: { keys, keyLifetimeMs: 1000 } })
    const producer = await driven(client.producer('clicks', { deliveryTimeoutMs: 5000 }))
    keys.outage = new Error('the vault is sealed')
    await pass(2000, 500)
    expect(await failureOf(producer.send(secretRecord))).toMatchObject({
      code: 'keyProviderFailed',
      retry: 'backoff',
      sideEffects: 'none',
      message: expect.stringMatching(
        /the vault is sealed.*were tried for 5000 ms and are not stored/,
      ) as string,
    })
    expect(broker.received).not.toContain('append')
    // The producer lives on.
    keys.outage = undefined
    await driven(producer.send(secretRecord))
    expect(keyIdsIn(broker)).toEqual(['key-1'])
    await end()
  })

  it('sends a batch in doubt again, the same bytes, also where there is no key for new ones', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    const { client, end } = await clientOf(broker, { encryption: { keys, keyLifetimeMs: 1000 } })
    const producer = await driven(client.producer('clicks'))
    broker.disturb = ({ operation }) => (operation === 'append' ? 'lostBefore' : 'none')
    const sent = producer.send(secretRecord)
    await pass(2000, 100)
    keys.outage = new Error('the vault is sealed')
    broker.disturb = () => 'none'
    await driven(sent)
    expect(keyIdsIn(broker)).toEqual(['key-1'])
    await end()
  })

  it('moves and encrypts anew what waits when its shard is split', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    const { client, end } = await clientOf(broker, { encryption: { keys } })
    const producer = await driven(client.producer('clicks', { compression: 'gzip' }))
    broker.seal(0)
    const values = Array.from({ length: 50 }, (_, i) => `${SECRET} ${i} ${'x'.repeat(100)}`)
    const sent = values.map((data) => producer.send({ partitionKey: data.slice(0, 40), data }))
    await pass(20)
    broker.split(0)
    await driven(Promise.all(sent))
    const open = keys.openerFor('clicks')
    const stored = [1, 2].flatMap((index) => broker.recordsOf(index, open).map(({ data }) => `${Buffer.from(data)}`)) // prettier-ignore
    expect(stored.toSorted()).toEqual(values.toSorted())
    expect(holds(broker, SECRET)).toBe(false)
    await end()
  })

  it.each([
    [
      'throws',
      new Error('no such vault'),
      'keyProviderFailed',
      /failed at current\("clicks"\): no such vault\./,
    ],
    ['has none', undefined, 'keyUnavailable', /has no key to encrypt "clicks" with/],
    [
      'gives 16 bytes',
      { id: 'a', bytes: new Uint8Array(16) },
      'invalidArgument',
      /has 16 bytes; it must have 32/,
    ],
    [
      'gives text',
      { id: 'a', bytes: 'x'.repeat(32) },
      'invalidArgument',
      /bytes are a text; they must be a Uint8Array/,
    ],
    [
      'gives an id with a space',
      { id: 'a b', bytes: new Uint8Array(32) },
      'invalidArgument',
      /visible ASCII/,
    ],
    ['gives no object', 'key', 'invalidArgument', /gave no key: it is a text;/],
  ] as const)(
    'a provider that %s ends producer and put with an error that says so',
    async (_, answer, code, says) => {
      const broker = new FakeBroker()
      const current = () => {
        if (answer instanceof Error) throw answer
        return answer as never
      }
      const { client, end } = await clientOf(broker, {
        encryption: { keys: { current, key: () => undefined } },
      })
      const calls = [() => client.producer('clicks'), () => client.put('clicks', secretRecord)]
      for (const call of calls) {
        expect(await failureOf(call())).toMatchObject({
          code,
          sideEffects: 'none',
          message: expect.stringMatching(says) as string,
        })
      }
      expect(broker.received).not.toContain('append')
      await end()
    },
  )

  it('a provider that never answers is given up like one that fails', async () => {
    const broker = new FakeBroker()
    const keys = { current: () => new Promise<never>(() => {}), key: () => undefined }
    const { client, end } = await clientOf(broker, { encryption: { keys } })
    expect(await failureOf(client.producer('clicks'))).toMatchObject({
      code: 'keyProviderFailed',
      message: expect.stringContaining('no answer within 1000 ms') as string,
    })
    const ending = new AbortController()
    const aborted = failureOf(client.producer('clicks', { signal: ending.signal }))
    ending.abort()
    expect(await aborted).toMatchObject({ code: 'aborted' })
    await end()
  })

  it.each([
    [{}, /encryption.keys is missing/],
    [{ keys: {} }, /encryption.keys is .*must be a key provider, such as fileKeys/],
    [{ keys: new TestKeys(), streams: [] }, /encryption.streams is .*at least one/],
    [{ keys: new TestKeys(), streams: ['a*b'] }, /beginnings of names/],
    [{ keys: new TestKeys(), stream: ['a'] }, /no option encryption.stream. Did you mean encryption.streams/],
    [{ keys: new TestKeys(), keyLifetimeMs: 5 }, /encryption.keyLifetimeMs is 5; it must be from 1000/],
    [{ keys: new TestKeys(), plaintext: 'no' }, /'accept' or 'refuse'/],
  ])('connect refuses %j', async (encryption, says) => {
    await expect(connect('millrace://fake', { encryption: encryption as never })).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringMatching(says) as string,
    })
  })

  it('a key may be bytes; they are copied', async () => {
    const broker = new FakeBroker()
    const bytes = Buffer.alloc(32, 'key-1')
    const keys = { current: () => ({ id: 'key-1', bytes }), key: () => undefined }
    const { client, end } = await clientOf(broker, { encryption: { keys } })
    await driven(client.producer('clicks'))
    bytes.fill(0)
    await driven(client.put('clicks', secretRecord))
    expect(keyIdOf(broker.shards[0]!.batches[0]!)).toBe('key-1')
    expect(broker.recordsOf(0, new TestKeys().openerFor('clicks'))).toHaveLength(1)
    await end()
  })
})
