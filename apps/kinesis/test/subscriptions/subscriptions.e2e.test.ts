// SubscribeToShard by its handler, on a real broker in this process.
import { connect, staticKeys, type Client } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseKinesisSequenceNumber } from '../../src/identifiers/sequence-number.ts'
import type { InputOf } from '../../src/model/operations.ts'
import { keylessFields } from '../../src/records/keyless.ts'
import type { FeedEvent } from '../../src/subscriptions/shard-feed.ts'
import {
  CLICKS_ARN,
  consumingEndpoint,
  dataIn,
  eventsUntil,
  type ConsumingEndpoint,
  type ShardEvent,
} from '../support/consuming-endpoint.ts'
import { ACCOUNT, refusalOf, smallBroker, type SmallBroker } from '../support/small-endpoint.ts'

const SHARD = 'shardId-000000000000'

let room: SmallBroker
let endpoint: ConsumingEndpoint
let own: Client
let ConsumerARN: string

beforeEach(async () => {
  room = await smallBroker()
  endpoint = await consumingEndpoint(room)
  own = endpoint.own
  await own.createStream('clicks')
  ConsumerARN = await register('reader')
})
afterEach(async () => {
  await endpoint[Symbol.asyncDispose]()
  await room[Symbol.asyncDispose]()
})

async function register(ConsumerName: string): Promise<string> {
  const { handlers, call } = endpoint
  const { Consumer } = await handlers.RegisterStreamConsumer(
    call('RegisterStreamConsumer', { StreamARN: CLICKS_ARN, ConsumerName }),
  )
  return Consumer.ConsumerARN
}

async function subscribe(
  input: Partial<InputOf<'SubscribeToShard'>> = {},
  at: ConsumingEndpoint = endpoint,
): Promise<AsyncIterator<FeedEvent>> {
  const { EventStream } = await at.handlers.SubscribeToShard(
    at.call('SubscribeToShard', {
      ConsumerARN,
      ShardId: SHARD,
      StartingPosition: { Type: 'TRIM_HORIZON' },
      ...input,
    }),
  )
  return EventStream[Symbol.asyncIterator]()
}

async function put(...data: string[]): Promise<void> {
  for (const content of data) await own.put('clicks', { partitionKey: 'ada', data: content })
}

/** Takes events until the records are these in all; returns the events. */
async function untilData(events: AsyncIterator<FeedEvent>, count: number): Promise<readonly ShardEvent[]> {
  return eventsUntil(events, (seen) => dataIn(seen).length >= count)
}

describe('SubscribeToShard', () => {
  it('begins at each of the five positions', async () => {
    await put('a', 'b')
    room.time.advance(2000)
    await put('c', 'd')
    const all = await subscribe()
    const records = (await untilData(all, 4)).flatMap(({ Records }) => Records)
    await all.return?.()
    expect(records.map(({ Data }) => Buffer.from(Data).toString())).toEqual(['a', 'b', 'c', 'd'])
    expect(records[0]).toMatchObject({ PartitionKey: 'ada' })
    expect(records[0]).not.toHaveProperty('EncryptionType')
    const SequenceNumber = records.at(1)!.SequenceNumber
    const starts: [InputOf<'SubscribeToShard'>['StartingPosition'], string[]][] = [
      [{ Type: 'AT_SEQUENCE_NUMBER', SequenceNumber }, ['b', 'c', 'd']],
      [{ Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber }, ['c', 'd']],
      [{ Type: 'AT_TIMESTAMP', Timestamp: new Date(room.time.now()) }, ['c', 'd']],
      [{ Type: 'AT_TIMESTAMP', Timestamp: new Date(-5000) }, ['a', 'b', 'c', 'd']],
      [{ Type: 'LATEST' }, ['e']],
    ]
    for (const [StartingPosition, expected] of starts) {
      const events = await subscribe({ StartingPosition })
      if (StartingPosition.Type === 'LATEST') await put('e')
      expect(dataIn(await untilData(events, expected.length))).toEqual(expected)
      await events.return?.()
    }
  })

  it('goes on after the number of its last event, also where that event was empty', async () => {
    const first = await subscribe({ StartingPosition: { Type: 'LATEST' } })
    const idle = (await eventsUntil(first, (seen) => seen.length > 0)).at(0)!
    expect(idle.Records).toEqual([])
    await first.return?.()
    await put('a', 'b')
    const second = await subscribe({
      StartingPosition: {
        Type: 'AFTER_SEQUENCE_NUMBER',
        SequenceNumber: idle.ContinuationSequenceNumber!,
      },
    })
    expect(dataIn(await untilData(second, 2))).toEqual(['a', 'b'])
    await second.return?.()
  })

  it('ends at records that it cannot decrypt with the error of GetRecords, which says how to go on behind them', async () => {
    const keys = staticKeys({ current: 'k1', keys: { k1: Buffer.alloc(32, 7) } })
    await using other = await connect(room.broker.url, {
      ...room.broker,
      encryption: { keys, streams: ['clicks'] },
    })
    await put('open')
    await other.put('clicks', { partitionKey: 'ada', data: 'secret' })
    await put('behind')
    const first = await subscribe()
    expect(dataIn(await untilData(first, 1))).toEqual(['open'])
    const refusal = await refusalOf(first.next())
    expect(refusal).toMatch(/^KMSAccessDeniedException: .* begin AFTER_SEQUENCE_NUMBER \d{56}\.$/)
    const SequenceNumber = /(\d{56})\.$/.exec(refusal)![1]!
    const second = await subscribe({ StartingPosition: { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber } })
    expect(dataIn(await untilData(second, 1))).toEqual(['behind'])
    await second.return?.()
  })

  it('refuses what it cannot begin before it tells of a stream of events', async () => {
    await put('a')
    const other = endpoint.call('SubscribeToShard', {
      ConsumerARN,
      ShardId: SHARD,
      StartingPosition: { Type: 'LATEST' },
    })
    const beyond = { Type: 'AT_TIMESTAMP' as const, Timestamp: new Date(room.time.now() + 60_000) }
    const refusals: [Partial<InputOf<'SubscribeToShard'>>, string][] = [
      [
        { ShardId: 'shardId-000000000009' },
        `ResourceNotFoundException: Shard shardId-000000000009 in stream clicks under account ${ACCOUNT} does not exist`,
      ],
      [
        { ShardId: 'none' },
        `ResourceNotFoundException: Could not find shard none in stream clicks under account ${ACCOUNT}.`,
      ],
      [
        { ConsumerARN: `${ConsumerARN}1` },
        `ResourceNotFoundException: Consumer ${ConsumerARN}1, account ${ACCOUNT} not found.`,
      ],
      [{ StartingPosition: { Type: 'AT_SEQUENCE_NUMBER' } }, 'InvalidArgumentException: Must either specify'],
      [
        { StartingPosition: { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '7' } },
        'InvalidArgumentException: ',
      ],
      [
        { StartingPosition: { Type: 'AT_TIMESTAMP' } },
        'InvalidArgumentException: Must specify timestampInMillis',
      ],
      [
        { StartingPosition: beyond },
        'InvalidArgumentException: The timestampInMillis parameter cannot be greater',
      ],
      [{ DryRun: true }, 'DryRunOperationException: '],
    ]
    for (const [input, refusal] of refusals) {
      const refused = endpoint.handlers.SubscribeToShard({ ...other, input: { ...other.input, ...input } })
      expect(await refusalOf(refused)).toContain(refusal)
    }
    const caller = { ...other.caller, may: () => Promise.resolve(false) }
    const dry = { ...other, caller, input: { ...other.input, DryRun: true } }
    expect(await refusalOf(endpoint.handlers.SubscribeToShard(dry))).toContain('AccessDeniedException: ')
  })

  it('is refused while a subscription of the consumer to the shard is new, and later takes its place', async () => {
    const first = await subscribe()
    await eventsUntil(first, (seen) => seen.length > 0)
    expect(await refusalOf(subscribe())).toContain('ResourceInUseException')
    const elsewhere = await subscribe({ ConsumerARN: await register('other') })
    let second: AsyncIterator<FeedEvent> | undefined
    await expect
      .poll(async () => {
        second = await subscribe().catch(() => undefined)
        return second !== undefined
      })
      .toBe(true)
    expect(await refusalOf(eventsUntil(first, () => false))).toContain('ResourceInUseException')
    await put('a')
    expect(dataIn(await untilData(second!, 1))).toEqual(['a'])
    expect(dataIn(await untilData(elsewhere, 1))).toEqual(['a'])
    await second!.return?.()
    await elsewhere.return?.()
  })

  it('frees the place of the consumer at once when the client goes', async () => {
    for (let i = 0; i < 3; i++) {
      const client = new AbortController()
      const input = { ConsumerARN, ShardId: SHARD, StartingPosition: { Type: 'LATEST' as const } }
      const call = { ...endpoint.call('SubscribeToShard', input), signal: client.signal }
      await endpoint.handlers.SubscribeToShard(call)
      client.abort()
      await expect
        .poll(async () => (await own.describeConsumer('clicks', 'reader')).shards[0]?.subscriber)
        .toBeUndefined()
    }
  })

  it('tells the children at the end of a shard, which are read behind it', async () => {
    const parent = await subscribe()
    await put('a')
    expect(dataIn(await untilData(parent, 1))).toEqual(['a'])
    await own.splitShard('clicks', SHARD)
    await put('b')
    const end = (await eventsUntil(parent, () => false)).at(-1)!
    expect(end.ContinuationSequenceNumber).toBeUndefined()
    expect(end.MillisBehindLatest).toBe(0)
    const children = end.ChildShards!
    expect(children.map(({ ParentShards }) => ParentShards)).toEqual([[SHARD], [SHARD]])
    expect(children.at(0)!.HashKeyRange.StartingHashKey).toBe('0')
    expect(BigInt(children.at(0)!.HashKeyRange.EndingHashKey) + 1n).toBe(
      BigInt(children.at(1)!.HashKeyRange.StartingHashKey),
    )
    const feeds = await Promise.all(children.map(({ ShardId }) => subscribe({ ShardId })))
    const found = await Promise.race(feeds.map((feed) => untilData(feed, 1)))
    expect(dataIn(found)).toEqual(['b'])
    for (const feed of feeds) void feed.return?.()
  })

  it('ends at once for a closed shard that is read to its end', async () => {
    await put('a')
    await own.splitShard('clicks', SHARD)
    const events = await eventsUntil(await subscribe({ StartingPosition: { Type: 'LATEST' } }), () => false)
    expect(events.at(-1)!.ChildShards).toHaveLength(2)
    expect(dataIn(events)).toEqual([])
  })

  it('tells that the stream or the consumer is gone', async () => {
    const deregistered = await subscribe()
    await endpoint.handlers.DeregisterStreamConsumer(
      endpoint.call('DeregisterStreamConsumer', { ConsumerARN }),
    )
    expect(await refusalOf(eventsUntil(deregistered, () => false))).toContain('ResourceNotFoundException')
    const deleted = await subscribe({ ConsumerARN: await register('other') })
    await own.deleteStream('clicks')
    expect(await refusalOf(eventsUntil(deleted, () => false))).toContain('ResourceNotFoundException')
  })

  it('marks records of an encrypted stream', async () => {
    const stream = await own.describeStream('clicks')
    await endpoint.book.update(stream, (facts) => ({ ...facts, encryption: { keyId: 'alias/aws/kinesis' } }))
    await put('a')
    const events = await subscribe()
    const [record] = (await untilData(events, 1)).flatMap(({ Records }) => Records)
    expect(record?.EncryptionType).toBe('KMS')
    await events.return?.()
  })

  it('tells no key of a record that was put without one', async () => {
    await own.put('clicks', { data: 'a', ...keylessFields() })
    await put('b')
    const events = await subscribe()
    const records = (await untilData(events, 2)).flatMap(({ Records }) => Records)
    expect(records.map(({ PartitionKey }) => PartitionKey)).toEqual([undefined, 'ada'])
    await events.return?.()
  })

  it('takes one call a second for a shard where the limits of the service hold', async () => {
    await using limited = await consumingEndpoint(room, { limits: 'kinesis' })
    const first = await subscribe({}, limited)
    await first.return?.()
    expect(await refusalOf(subscribe({}, limited))).toContain('LimitExceededException')
    room.time.advance(1000)
    const second = await subscribe({}, limited)
    await second.return?.()
  })

  it('sends a client that takes nothing no more than the credit of a subscription', async () => {
    const events = await subscribe()
    const MiB = 1024 * 1024
    for (let i = 0; i < 8; i++)
      await own.put('clicks', { partitionKey: 'ada', data: new Uint8Array(MiB / 2) })
    const { tail } = (await own.describeStream('clicks'), await shardNow())
    expect(tail).toBe(8)
    const { shards } = await own.describeConsumer('clicks', 'reader')
    expect(shards.at(0)?.position).toBeLessThan(8)
    const seen = await eventsUntil(events, (all) => all.flatMap(({ Records }) => Records).length >= 8)
    expect(
      seen.flatMap(({ Records }) =>
        Records.map(({ SequenceNumber }) => parseKinesisSequenceNumber(SequenceNumber)!.sequenceNumber),
      ),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await events.return?.()
  })
})

async function shardNow() {
  for await (const shard of own.listShards('clicks')) return shard
  throw new Error('The stream has no shard.')
}
