// Every way of reading decrypts; what cannot be decrypted is named, and passed over only where the reader asks for that. An outage of
// the provider passes over nothing.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type {
  Client,
  EncryptionOptions,
  KeyProvider,
  Reading,
  UnreadableRecords,
} from '../../../client/index.ts'
import { deferred } from '../../../client/waiting.ts'
import { batchOffsets, bodyCrcOf, stampBatch } from '../../../protocol/index.ts'
import { GroupTest, typesOf, valueOf } from '../groups/support/members.ts'
import { driven, fakeTime, pass } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { fill } from '../support/fill.ts'
import { collect } from '../support/reading.ts'
import { clientOf, keyIdsIn, TestKeys } from './support/keys.ts'

let realTime: () => void
beforeEach(() => {
  realTime = fakeTime()
})
afterEach(() => realTime())

const SHARD = 'shardId-000000000000'
const failureOf = (promise: Promise<unknown>) => driven(promise.catch((error: unknown) => error))

/** Stores three batches, each under a key of its own and of two records: numbers 0 to 5. */
async function filled(broker: FakeBroker, keys: TestKeys): Promise<void> {
  for (const id of ['key-1', 'key-2', 'key-3']) {
    keys.currentId = id
    const { client, end } = await clientOf(broker, { encryption: { keys } })
    const producer = await driven(client.producer('clicks', { lingerMs: 5 }))
    await driven(
      Promise.all(['a', 'b'].map((name) => producer.send({ partitionKey: name, data: `${id} ${name}` }))),
    )
    await end()
  }
}

const ALL = ['key-1 a', 'key-1 b', 'key-2 a', 'key-2 b', 'key-3 a', 'key-3 b']

async function reader(broker: FakeBroker, encryption?: EncryptionOptions) {
  return clientOf(broker, encryption === undefined ? {} : { encryption })
}

const ways: Record<string, (client: Client, options: object) => Reading<Uint8Array>> = {
  read: (client, options) => client.read('clicks', options),
  subscribe: (client, options) => client.subscribe('clicks', { from: 'TRIM_HORIZON', ...options }),
}

describe.each(Object.keys(ways))('%s', (way) => {
  const start = ways[way]!

  it('gives what was encrypted with any key, the old ones too, record by record and by batches', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    keys.delayMs = 20
    await filled(broker, keys)
    const { client, end } = await reader(broker, { keys })
    expect(await driven(collect(start(client, {}), 6))).toEqual(ALL)
    expect(keys.asked.filter((asked) => asked.startsWith('key'))).toEqual([
      'key key-1 clicks',
      'key key-2 clicks',
      'key key-3 clicks',
    ])
    const byBatch: string[] = []
    const run = async () => {
      for await (const batch of start(client, {}).batches()) {
        byBatch.push(batch.map(valueOf).join())
        if (byBatch.length === 3) break
      }
    }
    await driven(run())
    expect(byBatch).toEqual(['key-1 a,key-1 b', 'key-2 a,key-2 b', 'key-3 a,key-3 b'])
    await end()
  })

  it('without keys: names the key, the place, and what to pass', async () => {
    const broker = new FakeBroker()
    await filled(broker, new TestKeys())
    const { client, end } = await reader(broker)
    expect(await failureOf(collect(start(client, {})))).toMatchObject({
      code: 'keyUnavailable',
      retry: 'never',
      shardId: SHARD,
      firstSequenceNumber: 0,
      nextSequenceNumber: 2,
      message: expect.stringMatching(/key key-1.*no keys.*encryption: \{ keys \}/) as string,
    })
    await end()
  })

  it('of an erased key: fails with its place, or passes over its records and no others', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    await filled(broker, keys)
    keys.erased.add('key-2')
    const { client, end } = await reader(broker, { keys })
    expect(await failureOf(collect(start(client, {})))).toMatchObject({
      code: 'keyUnavailable',
      firstSequenceNumber: 2,
      nextSequenceNumber: 4,
      message: expect.stringMatching(
        /key key-2, which the key provider does not have.*goes on at 4/,
      ) as string,
    })
    const skipped: UnreadableRecords[] = []
    const reading = start(client, { onUnreadable: (one: UnreadableRecords) => void skipped.push(one) })
    const numbers: number[] = []
    const run = async () => {
      for await (const { sequenceNumber } of reading) if (numbers.push(sequenceNumber) === 4) break
    }
    await driven(run())
    expect(numbers).toEqual([0, 1, 4, 5])
    expect(skipped).toMatchObject([
      { reason: 'keyUnavailable', firstSequenceNumber: 2, nextSequenceNumber: 4, shardId: SHARD },
    ])
    expect(reading.position.shards).toEqual({ [SHARD]: 6 })
    await end()
  })

  it('with another key under the same id, or of a batch that was changed: decryptionFailed', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    await filled(broker, keys)
    const others = new TestKeys()
    others.keyOf = (id) => ({ id, bytes: Buffer.alloc(32, 'something else') })
    const strange = await reader(broker, { keys: others })
    expect(await failureOf(collect(start(strange.client, {})))).toMatchObject({ code: 'decryptionFailed' })
    await strange.end()

    // Whoever holds the disk can make the checksums right again.
    const changed = Buffer.from(broker.shards[0]!.batches[1]!)
    changed.writeUInt32LE(77, batchOffsets.producerId)
    changed.writeUInt32LE(bodyCrcOf(changed), batchOffsets.bodyCrc)
    stampBatch(changed, 2, changed.readUIntLE(batchOffsets.arrivalTime, 6))
    broker.shards[0]!.batches[1] = changed
    const { client, end } = await reader(broker, { keys })
    expect(await failureOf(collect(start(client, {})))).toMatchObject({
      code: 'decryptionFailed',
      firstSequenceNumber: 2,
      nextSequenceNumber: 4,
    })
    await end()
  })

  it('waits while the provider fails, and passes over nothing', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    await filled(broker, keys)
    keys.outage = new Error('the vault is sealed')
    const { client, end } = await reader(broker, { keys })
    const skipped: UnreadableRecords[] = []
    const options = { onUnreadable: (one: UnreadableRecords) => void skipped.push(one) }
    const reading = collect(start(client, options), 6)
    await pass(300, 50)
    keys.outage = undefined
    expect(await driven(reading)).toEqual(ALL)
    expect(skipped).toEqual([])
    await end()
  })

  it('ends with keyProviderFailed where it fails for as long as a request may take', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    await filled(broker, keys)
    keys.outage = new Error('the vault is sealed')
    const { client, end } = await reader(broker, { keys })
    const skipped: unknown[] = []
    const options = { onUnreadable: (one: UnreadableRecords) => void skipped.push(one) }
    expect(await failureOf(collect(start(client, options)))).toMatchObject({
      code: 'keyProviderFailed',
      message: expect.stringContaining('key("key-1", "clicks"): the vault is sealed') as string,
    })
    expect(skipped).toEqual([])
    await end()
  })

  it('ends quietly when it is closed while it waits for a key', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    await filled(broker, keys)
    keys.delayMs = 1_000_000
    const { client, end } = await reader(broker, { keys })
    const reading = start(client, {})
    const collected = collect(reading)
    await pass(100)
    await reading.close()
    expect(await driven(collected)).toEqual([])
    await end()
  })

  it('reads the records of one key alone', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    await filled(broker, keys)
    const { client, end } = await reader(broker, { keys })
    const own = await driven(collect(start(client, { partitionKey: 'a' }), 3))
    expect(own).toEqual(['key-1 a', 'key-2 a', 'key-3 a'])
    await end()
  })

  it('takes records in the open among encrypted ones, or refuses them where it is told to', async () => {
    const broker = new FakeBroker()
    const keys = new TestKeys()
    await filled(broker, keys)
    const open = fill(broker, 0, [2])
    const { client, end } = await reader(broker, { keys })
    expect(await driven(collect(start(client, {}), 8))).toEqual([...ALL, ...open])
    await end()
    const strict = await reader(broker, { keys, plaintext: 'refuse' })
    expect(await failureOf(collect(start(strict.client, {})))).toMatchObject({
      code: 'notEncrypted',
      firstSequenceNumber: 6,
      nextSequenceNumber: 8,
    })
    await strict.end()
    const elsewhere = await reader(broker, { keys, plaintext: 'refuse', streams: ['other'] })
    expect(await driven(collect(start(elsewhere.client, {}), 8))).toEqual([...ALL, ...open])
    await elsewhere.end()
  })
})

it('a reader of one key asks for no keys of batches whose bounds leave it out', async () => {
  const broker = new FakeBroker()
  const keys = new TestKeys()
  await filled(broker, keys)
  const asked = keys.asked.length
  for (const encryption of [{ keys }, undefined]) {
    const { client, end } = await reader(broker, encryption)
    // Its hash is above those of a and b.
    expect(await driven(collect(client.read('clicks', { partitionKey: 'z' })))).toEqual([])
    await end()
  }
  expect(keys.asked).toHaveLength(asked)
})

describe('a group', () => {
  async function groupOn(keys: TestKeys): Promise<GroupTest> {
    const test = new GroupTest()
    await filled(test.broker, keys)
    return test
  }

  it.each([1, 4])(
    'handles encrypted records, with keys that take their time (concurrency %i)',
    async (concurrency) => {
      const keys = new TestKeys()
      const test = await groupOn(keys)
      keys.delayMs = 50
      await test.join({ concurrency }, undefined, { encryption: { keys } })
      await test.until(() => test.handled.length === 6)
      expect(test.handled.toSorted()).toEqual(ALL)
      await test.end()
    },
  )

  it('ends quietly while a handler runs and the key of the next batch is asked for', async () => {
    const keys = new TestKeys()
    const test = await groupOn(keys)
    const hangs: KeyProvider = {
      current: (stream) => keys.current(stream),
      key: (id, stream) => (id === 'key-1' ? keys.key(id, stream) : new Promise(() => {})),
    }
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      const handling = deferred<void>()
      let isHandling = false
      const { group } = await test.join(
        {},
        () => {
          isHandling = true
          return handling.promise
        },
        { encryption: { keys: hangs } },
      )
      await test.until(() => isHandling)
      const closing = group.close()
      await pass(100, 10)
      handling.resolve()
      await driven(closing)
      await test.end()
      // Node tells of a rejection when the microtasks are over.
      await pass(20, 10)
    } finally {
      process.off('unhandledRejection', note)
    }
    expect(unhandled).toEqual([])
  })

  it('passes over the records of an erased key by its policy, and checkpoints behind them', async () => {
    const keys = new TestKeys()
    const test = await groupOn(keys)
    keys.erased.add('key-2')
    const { events } = await test.join({ onPoison: 'skip' }, undefined, { encryption: { keys } })
    await test.until(() => test.position(0) === 6)
    expect(test.handled).toEqual(ALL.filter((value) => !value.startsWith('key-2')))
    expect(events.filter(({ type }) => type === 'skipped')).toMatchObject([
      { sequenceNumber: 2, nextSequenceNumber: 4, error: { code: 'keyUnavailable' } },
    ])
    await test.end()
  })

  it('stops at them by default', async () => {
    const keys = new TestKeys()
    const test = await groupOn(keys)
    keys.erased.add('key-2')
    const { events } = await test.join({}, undefined, { encryption: { keys } })
    await test.until(() => typesOf(events).includes('blocked'))
    expect(test.handled).toEqual(['key-1 a', 'key-1 b'])
    await test.end()
  })

  it('skips nothing for an outage of the provider, however long, and goes on after it', async () => {
    const keys = new TestKeys()
    const test = await groupOn(keys)
    keys.outage = new Error('the vault is sealed')
    const { events } = await test.join({ onPoison: 'skip' }, undefined, { encryption: { keys } })
    await pass(20_000, 50)
    expect(test.handled).toEqual([])
    expect(typesOf(events)).not.toContain('skipped')
    keys.outage = undefined
    await test.until(() => test.handled.length === 6)
    expect(test.handled).toEqual(ALL)
    await test.end()
  })

  it('tells the broker nothing of an error of the handler that may quote a record', async () => {
    const keys = new TestKeys()
    const test = await groupOn(keys)
    const fails = ([record]: readonly { data: Uint8Array }[]) => {
      throw new SyntaxError(`no JSON: ${Buffer.from(record!.data).toString()}`)
    }
    const { events } = await test.join({}, fails, { encryption: { keys } })
    const reported = () => test.groups.states.get('billing')?.streams.get('clicks')?.leases.get(0)?.report
    await test.until(() => reported()?.state === 'blocked')
    expect(reported()?.detail).toMatch(/^All attempts failed: SyntaxError, whose text stays with the member/)
    expect(events.find(({ type }) => type === 'blocked')).toMatchObject({
      error: { message: 'no JSON: key-1 a' },
    })
    await test.end()
  })

  it('is not made where its dead letters would be stored in the open', async () => {
    const keys = new TestKeys()
    const { client, end } = await clientOf(new FakeBroker(), {
      encryption: { keys, streams: ['clicks', 'safe-*'] },
    })
    const groupWith = (deadLetter: string, stream = 'clicks') =>
      client.group({ name: 'billing', streams: ['other', stream], onPoison: { deadLetter } })
    expect(() => groupWith('letters')).toThrow(/"clicks" are encrypted, and "letters" is not among/)
    groupWith('safe-letters')
    groupWith('letters', 'open')
    await end()
  })

  it('encrypts dead letters as well', async () => {
    const keys = new TestKeys()
    const test = await groupOn(keys)
    test.broker.hasAnyName = true
    const fails = () => {
      throw new Error('poison')
    }
    await test.join({ onPoison: { deadLetter: 'letters' } }, fails, { encryption: { keys } })
    await test.until(() => (test.position(0) ?? 0) >= 6)
    expect(keys.asked).toContain('current letters')
    expect(keyIdsIn(test.broker)).not.toContain('open')
    await test.end()
  })
})
