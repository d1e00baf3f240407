// Options of callers are checked by one table, and refused by the name that the caller wrote.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { aggregate, connect, deaggregate, json, type Client } from '../../../client/index.ts'
import { accessOptions } from '../../../client/options/access-table.ts'
import { checkOptions } from '../../../client/options/check.ts'
import { optionTable, type CallName } from '../../../client/options/table.ts'
import { driven, fakeTime } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { failureOf, plainRecord, withClient } from '../support/refusals.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

/** Adds what a call cannot do without, where it is given an object. */
function withNeeded(needed: object, options: unknown): unknown {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...needed, ...Object.fromEntries(given) }
}

const keep = (): Promise<void> => Promise.resolve()
const plan = { version: 1, streamId: 1, parts: [] } as const

/** Every call that takes options, with options of its own. */
const calls: Readonly<Record<string, (client: Client, options: never) => unknown>> = {
  createStream: (client, options) => client.createStream('clicks', options),
  describeStream: (client, options) => client.describeStream('clicks', options),
  listStreams: (client, options) => client.listStreams(options),
  changes: (client, options) => client.updateStream('clicks', options),
  updateStream: (client, options) => client.updateStream('clicks', {}, options),
  deleteStream: (client, options) => client.deleteStream('clicks', options),
  splitShard: (client, options) => client.splitShard('clicks', '0', options),
  mergeShards: (client, options) => client.mergeShards('clicks', '0', '1', options),
  updateShardCount: (client, options) => client.updateShardCount('clicks', 1, options),
  explainScaling: (client, options) => client.explainScaling('clicks', options),
  listShards: (client, options) => client.listShards('clicks', options),
  brokerTime: (client, options) => client.brokerTime(options),
  describeBroker: (client, options) => client.describeBroker(options),
  documents: (client, options) => client.documents('plans', options),
  getDocument: (client, options) => client.documents('plans').get('a', options),
  putDocument: (client, options) => client.documents('plans').put('a', 1, options),
  updateDocument: (client, options) => client.documents('plans').update('a', () => 1, options),
  deleteDocument: (client, options) => client.documents('plans').delete('a', options),
  listDocuments: (client, options) => client.documents('plans').list(options),
  watchDocuments: (client, options) => client.documents('plans').watch(options),
  keepDocuments: (client, options) => client.documents('plans').keep(options),
  page: (client, options) => client.listStreams().page(options),
  put: (client, options) => client.put('clicks', plainRecord, options),
  putMany: (client, options) => client.putMany('clicks', [plainRecord], options),
  producer: (client, options) => client.producer('clicks', options),
  preparedWriter: (client, options) => client.preparedWriter('clicks', options),
  append: (client, options) =>
    client
      .preparedWriter('clicks')
      .then((writer) => writer.append([], withNeeded({ keep }, options) as never)),
  resume: (client, options) =>
    client
      .preparedWriter('clicks')
      .then((writer) => writer.resume(plan, [], withNeeded({ keep }, options) as never)),
  flush: (client, options) => client.producer('clicks').then((producer) => producer.flush(options)),
  pushAll: (client, options) => client.producer('clicks').then((producer) => producer.pushAll([], options)),
  writable: (client, options) => client.producer('clicks').then((producer) => producer.writable(options)),
  writableStream: (client, options) =>
    client.producer('clicks').then((producer) => producer.writableStream(options)),
  read: (client, options) => client.read('clicks', options),
  fetch: (client, options) => client.fetch('clicks', options),
  resolvePosition: (client, options) => client.resolvePosition('clicks', options),
  subscribe: (client, options) => client.subscribe('clicks', options),
  group: (client, options) =>
    client.group(withNeeded({ name: 'a', stream: 'clicks' }, options) as never).stop(),
  seek: (client, options) => client.group({ name: 'a', stream: 'clicks' }).seek(options),
  registerConsumer: (client, options) => client.registerConsumer('clicks', 'a', options),
  describeConsumer: (client, options) => client.describeConsumer('clicks', 'a', options),
  listConsumers: (client, options) => client.listConsumers('clicks', options),
  deregisterConsumer: (client, options) => client.deregisterConsumer('clicks', 'a', options),
  listGroups: (client, options) => client.listGroups(options),
  describeGroup: (client, options) => client.describeGroup('a', options),
  resetGroup: (client, options) =>
    client.resetGroup('a', withNeeded({ stream: 'clicks', to: 'LATEST' }, options) as never),
  deleteGroup: (client, options) => client.deleteGroup('a', options),
  pauseGroup: (client, options) => client.pauseGroup('a', options),
  resumeGroup: (client, options) => client.resumeGroup('a', options),
  createToken: (client, options) => client.access.createToken('shop', options),
  listTokens: (client, options) => client.access.listTokens(options),
  revokeToken: (client, options) => client.access.revokeToken('a', options),
  createAccessKey: (client, options) => client.access.createAccessKey('shop', options),
  listAccessKeys: (client, options) => client.access.listAccessKeys(options),
  revokeAccessKey: (client, options) => client.access.revokeAccessKey('a', options),
  listPrincipals: (client, options) => client.access.listPrincipals(options),
  describePrincipal: (client, options) => client.access.describePrincipal('shop', options),
  updatePrincipal: (client, options) => client.access.updatePrincipal('shop', options),
  deletePrincipal: (client, options) => client.access.deletePrincipal('shop', options),
  signingKey: (client, options) => client.access.signingKey('a', options),
  deleteCheckpoints: (client, options) => client.checkpoints('a').delete(options),
  loadProgress: (client, options) => client.checkpoints('a').load('clicks', options),
  saveProgress: (client, options) =>
    client.checkpoints('a').save('clicks', { streamId: 1, shardsBelow: 1, shards: { 0: 1 } }, options),
  aggregate: (_, options) => aggregate([], options),
  deaggregate: (_, options) => deaggregate({ partitionKey: 'a', data: new Uint8Array(0) }, options),
  close: (client, options) => client.close(options),
  connect: (_, options) => connect('millrace://fake', options),
}

describe('options', () => {
  it('the calls here are those of the table', () => {
    expect(
      Object.keys(calls)
        .filter((name) => name !== 'changes')
        .toSorted(),
    ).toEqual(Object.keys(optionTable).toSorted())
  })

  it.each(Object.keys(calls))('of %s: null, an array and a misspelt one are refused', async (name) => {
    await withClient(async (client, broker) => {
      broker.received.length = 0
      for (const wrong of [null, [], 'fast', 7]) {
        expect(await failureOf(() => calls[name]!(client, wrong as never))).toMatchObject({
          code: 'invalidArgument',
          message: expect.stringMatching(/must be an object\.$/) as string,
        })
      }
      expect(await failureOf(() => calls[name]!(client, { singal: 1, wayOff: 2 } as never))).toMatchObject({
        code: 'invalidArgument',
        message: expect.stringMatching(/^There is no option singal\./) as string,
      })
      if (!callsOfProducers.includes(name)) expect(broker.received).toEqual([])
    })
  })

  /** To make the producer, the broker is asked. */
  const callsOfProducers = ['flush', 'pushAll', 'writable', 'writableStream', 'append', 'resume']

  const wrong: readonly (readonly [string, object, string])[] = [
    [
      'connect',
      { requestTimeoutMs: null },
      'requestTimeoutMs is null; it must be a whole number from 1 to 3600000.',
    ],
    ['connect', { requestTimeoutMs: '5' }, 'requestTimeoutMs is "5"'],
    ['connect', { requestTimeoutMs: 1.5 }, 'requestTimeoutMs is 1.5; it must be a whole number'],
    ['connect', { requestTimeoutMs: NaN }, 'requestTimeoutMs is NaN'],
    ['connect', { requestTimeOutMs: 5 }, 'Did you mean requestTimeoutMs?'],
    ['connect', { retry: null }, 'retry is null; it must be an object.'],
    [
      'connect',
      { retry: { backOffMinMs: 5 } },
      'There is no option retry.backOffMinMs. Did you mean retry.backoffMinMs?',
    ],
    ['connect', { retry: { backoffMaxMs: -1 } }, 'retry.backoffMaxMs is -1; it must be from 0 to 600000.'],
    [
      'connect',
      { retry: { backoffMinMs: 50, backoffMaxMs: 5 } },
      'retry.backoffMaxMs is 5; it must not be below',
    ],
    ['connect', { dial: 'tcp' }, 'dial is "tcp"; it must be a function.'],
    ['connect', { clientName: 7 }, 'clientName is 7; it must be a string.'],
    ['connect', { rim: { clock: 7 } }, 'rim.clock is 7'],
    ['connect', { signal: {} }, 'signal is an Object; it must be an AbortSignal.'],
    ['createStream', { writeBytesPerSeconds: 5 }, 'There is no option writeBytesPerSeconds.'],
    [
      'createStream',
      { shardLimits: { writeBytesPerSeconds: 5 } },
      'There is no option shardLimits.writeBytesPerSeconds. Did you mean shardLimits.writeBytesPerSecond?',
    ],
    ['createStream', { shardLimits: { writeBytesPerSecond: 0.5 } }, 'shardLimits.writeBytesPerSecond is 0.5'],
    ['createStream', { shardLimits: null }, 'shardLimits is null'],
    ['createStream', { shards: 0 }, 'shards is 0; it must be from 1 to'],
    ['createStream', { shards: '4' }, 'shards is "4"; it must be a whole number from 1 to'],
    ['createStream', { retentionMs: 5 }, 'retentionMs is 5; it must be from 3600000 to'],
    ['createStream', { retentionMs: null }, 'retentionMs is null'],
    ['createStream', { mode: 'ondemand' }, `mode is "ondemand"; it must be 'provisioned' or 'on-demand'.`],
    ['createStream', { scaling: { shardsMax: -1 } }, 'scaling.shardsMax is -1'],
    ['changes', { scaling: 'wide' }, 'scaling is "wide"; it must be an object.'],
    ['changes', { retentionBytes: -5 }, 'retentionBytes is -5'],
    ['changes', { retention: 5 }, 'Did you mean retentionMs?'],
    ['splitShard', { at: 5 }, 'at is 5; it must be a hash key'],
    ['splitShard', { at: '-5' }, 'at: "-5" is not a hash key'],
    ['splitShard', { isolate: 'ada' }, 'isolate is "ada"; it must be { partitionKey } or { hashKey }.'],
    ['splitShard', { isolate: { key: 'ada' } }, 'There is no option isolate.key.'],
    ['splitShard', { isolate: { partitionKey: null } }, 'isolate.partitionKey is null'],
    [
      'aggregate',
      { shards: [{}] },
      'shards is an Array; it must be an array of shards, as listShards gives them.',
    ],
    ['aggregate', { bytesMax: 63 }, 'bytesMax is 63; it must be from 64 to 10485760.'],
    ['aggregate', { codec: json }, 'call it, as in json()'],
    [
      'deaggregate',
      { hashKeyRange: '0' },
      'hashKeyRange is "0"; it must be a range of hash keys, as a shard has it.',
    ],
    ['updateShardCount', { onProgress: true }, 'onProgress is true; it must be a function.'],
    ['documents', { codec: { encode: () => 1 } }, 'codec is an Object'],
    ['documents', { codec: json }, 'call it, as in json()'],
    ['putDocument', { expectedVersion: -1 }, 'expectedVersion is -1'],
    ['putDocument', { expectedVersion: null }, 'expectedVersion is null'],
    ['deleteDocument', { expectedVersion: 0 }, 'expectedVersion is 0; it must be from 1 to'],
    ['listDocuments', { prefix: 7 }, 'prefix is 7; it must be a string.'],
    ['watchDocuments', { prefx: 'a' }, 'Did you mean prefix?'],
    ['read', { consumer: 7 }, 'consumer is 7; it must be a string.'],
    ['group', { leaseMs: 10 }, 'leaseMs is 10; it must be from 1000 to'],
    ['group', { onPoison: 'retry' }, "onPoison is \"retry\"; it must be 'stop', 'skip', { deadLetter }."],
    ['group', { onPoison: { deadletter: 'a' } }, 'Did you mean onPoison.deadLetter?'],
    ['group', { retry: { attempts: 0 } }, 'retry.attempts is 0; it must be from 1 to'],
    ['group', { from: { atSequenceNumber: 1 } }, 'There is no option from.atSequenceNumber.'],
    ['resetGroup', { to: 'TRIM' }, "to is \"TRIM\"; it must be 'TRIM_HORIZON', 'LATEST', { atTimestamp }."],
    ['resetGroup', { stream: 7 }, 'stream is 7; it must be a string.'],
    ['resetGroup', { force: 1 }, 'force is 1; it must be true or false.'],
    ['page', { limit: 0 }, 'limit is 0; it must be from 1 to 1000.'],
    ['page', { after: 7 }, 'after is 7; it must be a string.'],
    ['put', { codec: 'json' }, 'codec is "json"; it must be a codec'],
    ['put', { codec: json }, 'call it, as in json()'],
    ['put', { codec: { schema: {} } }, 'codec is an Object'],
    ['put', { codec: { decode: () => 1 } }, 'codec is an Object'],
    ['putMany', { signal: null }, 'signal is null; it must be an AbortSignal.'],
    ['producer', { batchBytes: 1.5 }, 'batchBytes is 1.5'],
    ['producer', { lingerMs: -1 }, 'lingerMs is -1; it must be from 0 to 60000.'],
    [
      'producer',
      { compression: 'brotli' },
      `compression is "brotli"; it must be 'none' or 'gzip' or 'zstd'.`,
    ],
    ['producer', { onRefused: 'log' }, 'onRefused is "log"'],
    ['producer', { deliveryTimeoutMs: Infinity }, 'deliveryTimeoutMs is Infinity'],
    ['flush', { signal: 1 }, 'signal is 1'],
    ['read', { follow: 'yes' }, 'follow is "yes"; it must be true or false.'],
    ['read', { from: { atTimestamp: null } }, 'from.atTimestamp is null; it must be a valid Date'],
    ['read', { from: { atTimestamp: 1.5 } }, 'from.atTimestamp is 1.5'],
    ['read', { from: { atTimestamp: new Date(NaN) } }, 'from.atTimestamp is an invalid Date'],
    ['read', { from: { atTimestmp: 5 } }, 'Did you mean from.atTimestamp?'],
    ['read', { from: { atSequenceNumber: -1 } }, 'from.atSequenceNumber is -1'],
    [
      'read',
      { from: { atSequenceNumber: 1, atTimestamp: 5 } },
      `from is an Object; it must be 'TRIM_HORIZON'`,
    ],
    ['read', { from: 'EARLIEST' }, 'from is "EARLIEST"'],
    ['read', { until: null }, 'until is null'],
    ['read', { until: { atTimestamp: null } }, 'until.atTimestamp is null'],
    ['read', { shard: 0 }, 'shard is 0; it must be a shard id'],
    ['read', { shard: 'first' }, 'shard is "first"; it must be a shard id'],
    ['read', { maxWaitMs: 30_001 }, 'maxWaitMs is 30001; it must be from 0 to 30000.'],
    ['subscribe', { onInUse: 'take' }, `onInUse is "take"; it must be 'wait' or 'fail'.`],
    ['read', { onTrimmed: 'skip' }, `onTrimmed is "skip"; it must be 'fail' or 'horizon'.`],
    ['read', { onUnreadable: 'skip' }, `onUnreadable is "skip"; it must be 'fail', or a function`],
    ['read', { codec: { encode: () => 1 } }, 'codec is an Object'],
    ['fetch', { shard: '0' }, 'from is undefined; it must be '],
    ['fetch', { from: 'LATEST' }, 'shard is undefined; it must be a shard id'],
    ['fetch', { recordsMax: 0 }, 'recordsMax is 0; it must be from 1 to 1000000.'],
    ['subscribe', { creditBytes: 0 }, 'creditBytes is 0'],
    ['subscribe', { follow: true }, 'There is no option follow.'],
    ['subscribe', { from: {} }, 'from is an Object'],
    ['close', { signal: 'now' }, 'signal is "now"'],
  ]

  it.each(wrong)('of %s: %j is refused by its name', async (name, options, message) => {
    await withClient(async (client) => {
      const { dial } = new FakeBroker()
      const given = name === 'connect' ? { dial, ...options } : options
      expect(await failureOf(() => calls[name]!(client, given as never))).toMatchObject({
        code: 'invalidArgument',
        message: expect.stringContaining(message) as string,
      })
    })
  })

  const others = ['connect', 'close', 'deleteStream', 'mergeShards', 'subscribe', 'watchDocuments', 'seek']
  // Without options they cannot be called.
  others.push('fetch', 'resolvePosition')
  // The fake broker knows no principals: these are called without options in the tests of access.
  others.push(...Object.keys(accessOptions))
  it.each(Object.keys(calls).filter((name) => !others.includes(name)))(
    'of %s that are undefined count as left out',
    async (name) => {
      await withClient(async (client) => {
        const fields = name === 'changes' ? { retentionMs: undefined } : optionTable[name as CallName]
        const none = Object.fromEntries(Object.keys(fields).map((option) => [option, undefined]))
        const options = { ...none, notAnOption: undefined }
        expect(await failureOf(() => calls[name]!(client, options as never))).toBeUndefined()
      })
    },
  )

  it('of a group that are undefined count as left out', async () => {
    await withClient(async (client, broker) => {
      const shardLimits = { readsPerSecond: 7, readBytesPerSecond: undefined } as never
      await driven(client.createStream('clicks', { shardLimits }))
      expect(broker.settings.at(-1)!.shardLimits).toMatchObject({ readsPerSecond: 7, readBytesPerSecond: 0 })
    })
  })

  it('of every kind refuse values of no kind, with their names', () => {
    const nothing = [null, Symbol('x'), 5n, new Map(), [1], NaN, -1, 1.5]
    for (const [call, fields] of Object.entries(optionTable)) {
      for (const name of Object.keys(fields)) {
        if (['from', 'until', 'shard'].includes(name)) continue
        for (const value of nothing) {
          if (name === 'at' && typeof value === 'bigint') continue
          expect(() => checkOptions(call as CallName, { [name]: value })).toThrow(
            expect.objectContaining({
              code: 'invalidArgument',
              message: expect.stringContaining(name) as string,
            }),
          )
        }
      }
    }
  })
})

describe('arguments', () => {
  it('that are not a text, a count or a list are refused by name', async () => {
    await withClient(async (client) => {
      const uses: readonly (readonly [string, () => unknown])[] = [
        ['url', () => connect(null as never)],
        ['url', () => connect(7 as never)],
        ['stream', () => client.createStream(null as never)],
        ['stream', () => client.describeStream(undefined as never)],
        ['stream', () => client.updateStream(5 as never, {})],
        ['changes', () => client.updateStream('clicks', undefined as never)],
        ['stream', () => client.put(null as never, plainRecord)],
        ['stream', () => client.putMany({} as never, [plainRecord])],
        ['stream', () => client.producer(Symbol('x') as never)],
        ['stream', () => client.read(null as never)],
        ['stream', () => client.subscribe(null as never)],
        ['stream', () => client.listShards(null as never)],
        ['stream', () => client.explainScaling(null as never)],
        ['shardId', () => client.splitShard('clicks', 0 as never)],
        ['adjacentShardId', () => client.mergeShards('clicks', '0', null as never)],
        ['shardCount', () => client.updateShardCount('clicks', 1.5)],
        ['shardCount', () => client.updateShardCount('clicks', null as never)],
        ['name', () => client.describeGroup(null as never)],
        ['to', () => client.resetGroup('a', undefined as never)],
        ['to', () => client.resetGroup('a', {} as never)],
        ['kind', () => client.documents(null as never)],
        ['name', () => client.documents('plans').get(null as never)],
        ['change', () => client.documents('plans').update('a', 'b' as never)],
        ['records', () => client.putMany('clicks', null as never)],
        ['records', () => client.putMany('clicks', 'records' as never)],
        ['records', () => client.putMany('clicks', plainRecord as never)],
      ]
      for (const [name, use] of uses) {
        expect(await failureOf(use)).toMatchObject({
          code: 'invalidArgument',
          message: expect.stringContaining(name) as string,
        })
      }
    })
  })
})

it.each([
  [{ encryption: 'c2VjcmV0' }, 'encryption is a text;'],
  [{ encryption: { keys: 'c2VjcmV0' } }, 'encryption.keys is a text;'],
  [{ tls: 'c2VjcmV0' }, 'tls is a text;'],
])('what may be a secret is not quoted: %j', async (options, says) => {
  const { message } = (await failureOf(() => connect('millrace://fake', options as never))) as Error
  expect(message).toContain(says)
  expect(message).not.toContain('c2VjcmV0')
})
