// The events of a subscription, over a fake shard and a clock that the test moves.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKinesisSequenceNumber, SequenceNumbers } from '../../src/identifiers/sequence-number.ts'
import { feedLimits } from '../../src/subscriptions/feed-limits.ts'
import { ShardFeed, type FeedEvent, type ShardFeedParts } from '../../src/subscriptions/shard-feed.ts'
import { FakeShard, FakeTime, SHARD_ID, turn, type FakeReading } from './fake-reading.ts'

const createdAt = new Date(1_600_000_000_000)
const LIFE_MS = 300_000

type Event = FeedEvent['SubscribeToShardEvent']

/** A feed of a shard from a native number on, with a client that takes an event when the test says so. */
function feedOf(shard: FakeShard, time: FakeTime, from = 0) {
  const reading = shard.read(from)
  const client = new AbortController()
  const numbers = new SequenceNumbers(0, createdAt)
  const parts: ShardFeedParts = {
    reading,
    shardId: SHARD_ID,
    time,
    lifeMs: LIFE_MS,
    signal: client.signal,
    onEnd: () => {},
    numberOf: (sequenceNumber, timeMs) => numbers.of(sequenceNumber, timeMs),
    recordOf: ({ sequenceNumber, arrivalTime, bytes, partitionKey }) => ({
      SequenceNumber: numbers.of(sequenceNumber, arrivalTime.getTime()),
      Data: bytes,
      PartitionKey: partitionKey,
    }),
    childrenOf: (shardIds) =>
      Promise.resolve(
        shardIds.map((ShardId) => ({
          ShardId,
          ParentShards: [SHARD_ID],
          HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
        })),
      ),
    failure: (error) => new Error(`told: ${(error as Error).message}`),
  }
  return { iterator: new ShardFeed(parts)[Symbol.asyncIterator](), reading, client }
}

/** Takes the next event; lets the clock go on in steps until it is there. Undefined at the end. */
async function take(iterator: AsyncIterator<FeedEvent>): Promise<Event | undefined> {
  const { done, value } = await iterator.next()
  return done === true ? undefined : value.SubscribeToShardEvent
}

function dataOf({ Records }: Event): string[] {
  return Records.map(({ Data }) => Buffer.from(Data).toString())
}

describe('the events of a subscription', () => {
  it('hold what is stored, at once, with the number of the last record to go on after', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    shard.append(time.now(), 'a', 'b')
    shard.append(time.now(), 'c')
    const { iterator } = feedOf(shard, time)
    const first = await take(iterator)
    expect(dataOf(first!)).toEqual(['a', 'b', 'c'])
    expect(first!.ContinuationSequenceNumber).toBe(first!.Records.at(-1)!.SequenceNumber)
    expect(first!.MillisBehindLatest).toBe(0)
    const second = take(iterator)
    await turn()
    shard.append(time.now(), 'd')
    expect(dataOf((await second)!)).toEqual(['d'])
    await iterator.return?.()
    expect(time.waiting).toBe(0)
  })

  it('come when there is nothing, at once and then every five seconds, and their numbers rise', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    const { iterator } = feedOf(shard, time)
    let before = 0n
    for (let i = 0; i < 4; i++) {
      const idle = take(iterator)
      if (i > 0) await time.pass(feedLimits.heartbeatMs)
      const { Records, ContinuationSequenceNumber, MillisBehindLatest } = (await idle)!
      expect([Records, MillisBehindLatest]).toEqual([[], 0])
      expect(BigInt(ContinuationSequenceNumber!)).toBeGreaterThan(before)
      before = BigInt(ContinuationSequenceNumber!)
    }
    shard.append(time.now(), 'a')
    const { Records } = (await take(iterator))!
    expect(BigInt(Records.at(0)!.SequenceNumber)).toBeGreaterThan(before)
  })

  it('tell how far behind the client is, while more waits for it', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    shard.append(time.now() - 9000, new Uint8Array(feedLimits.eventBytesMax), 'b')
    const { iterator } = feedOf(shard, time)
    expect((await take(iterator))!.MillisBehindLatest).toBe(9000)
    expect((await take(iterator))!.MillisBehindLatest).toBe(0)
  })

  it('are bounded in records and in bytes, but for one record that is larger', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    shard.append(time.now(), ...Array.from({ length: 2 * feedLimits.eventRecordsMax + 1 }, () => 'x'))
    const large = new Uint8Array(3 * feedLimits.eventBytesMax)
    const half = new Uint8Array(feedLimits.eventBytesMax / 2)
    shard.append(time.now(), large, half, half)
    const { iterator } = feedOf(shard, time)
    const counts: number[] = []
    let all = 0
    while (all < shard.tail) {
      const { Records } = (await take(iterator))!
      counts.push(Records.length)
      all += Records.length
    }
    // The keys count too, so two halves and their keys are too much for one event.
    expect(counts).toEqual([10_000, 10_000, 1, 1, 1, 1])
  })

  it('end with the shard: one event with its children and no number, and then nothing', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    shard.append(time.now(), 'a')
    shard.close()
    const { iterator, reading } = feedOf(shard, time)
    expect(dataOf((await take(iterator))!)).toEqual(['a'])
    const last = (await take(iterator))!
    expect(last.Records).toEqual([])
    expect(last.ContinuationSequenceNumber).toBeUndefined()
    expect(last.ChildShards!.map(({ ShardId }) => ShardId)).toEqual(reading.children)
    expect(await take(iterator)).toBeUndefined()
    expect(time.waiting).toBe(0)
  })

  it('end cleanly after five minutes, also for a client that takes none', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    const idle = feedOf(shard, time)
    await take(idle.iterator)
    const waiting = take(idle.iterator)
    await turn()
    const silent = feedOf(shard, time)
    await time.pass(LIFE_MS)
    // The idle one told its heartbeat, and the other client asked for nothing.
    await waiting
    expect(await take(idle.iterator)).toBeUndefined()
    expect(silent.reading.isClosed).toBe(true)
    expect(await take(silent.iterator)).toBeUndefined()
    expect(time.waiting).toBe(0)
  })

  it('end when the client is gone, and leave no timer and no reading', async () => {
    const time = new FakeTime()
    const { iterator, client, reading } = feedOf(new FakeShard(), time)
    await take(iterator)
    const waiting = take(iterator)
    await turn()
    client.abort()
    expect(await waiting).toBeUndefined()
    expect(reading.isClosed).toBe(true)
    expect(time.waiting).toBe(0)
  })

  it('end when they are left, also before the first one and while the next one is awaited', async () => {
    for (const taken of [0, 1]) {
      const time = new FakeTime()
      const { iterator, reading } = feedOf(new FakeShard(), time)
      for (let i = 0; i < taken; i++) await take(iterator)
      const waiting = taken === 0 ? undefined : take(iterator)
      await turn()
      await iterator.return?.()
      expect(await waiting).toBeUndefined()
      expect(reading.isClosed).toBe(true)
      expect(time.waiting).toBe(0)
    }
  })

  it('end with the error of the reading, after the records that came before', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    shard.append(time.now(), 'a')
    const { iterator, reading } = feedOf(shard, time)
    expect(dataOf((await take(iterator))!)).toEqual(['a'])
    reading.fail(new Error('gone'))
    await expect(take(iterator)).rejects.toThrow('told: gone')
    expect(time.waiting).toBe(0)
  })

  it('are made as the client takes them: one that takes none is asked for one batch', async () => {
    const time = new FakeTime()
    const shard = new FakeShard()
    for (let i = 0; i < 100; i++) shard.append(time.now(), new Uint8Array(feedLimits.eventBytesMax))
    const { iterator, reading } = feedOf(shard, time)
    await take(iterator)
    await time.pass(60_000)
    expect(reading.handed).toBeLessThanOrEqual(2)
  })
})

/** What happens to a shard and to the client of its feed. */
const happenings = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 4, arbitrary: fc.constant({ take: true }) },
    { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: 0, max: 400_000 }) }) },
    { weight: 1, arbitrary: fc.record({ skip: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 1, arbitrary: fc.constant({ leave: true }) },
  ),
  { maxLength: 40 },
)

describe('a client that subscribes again after the number of its last event', () => {
  it('gets every record once, in order, and numbers that never fall', async () => {
    await fc.assert(
      fc.asyncProperty(happenings, async (steps) => {
        const time = new FakeTime()
        const shard = new FakeShard()
        const client = new ResumingClient(shard, time)
        let appended = 0
        for (const step of steps) {
          if ('append' in step) {
            shard.append(time.now(), ...Array.from({ length: step.append }, () => String(appended++)))
          } else if ('take' in step) await client.take()
          else if ('pass' in step) await time.pass(step.pass)
          else if ('skip' in step) shard.skip(step.skip)
          else await client.leave()
        }
        while (client.seen.length < appended) await client.take()
        expect(client.seen).toEqual(Array.from({ length: appended }, (_, i) => String(i)))
        await client.leave()
        expect(time.waiting).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

/** Goes on after the last event that it took. */
class ResumingClient {
  readonly seen: string[] = []
  readonly #shard: FakeShard
  readonly #time: FakeTime
  #feed: { iterator: AsyncIterator<FeedEvent>; reading: FakeReading; client: AbortController } | undefined
  /** An event that was asked for, and has not come. */
  #pending: Promise<Event | undefined> | undefined
  #continuation: string | undefined

  constructor(shard: FakeShard, time: FakeTime) {
    this.#shard = shard
    this.#time = time
  }

  /** Takes the next event if there is one now. */
  async take(): Promise<void> {
    this.#feed ??= feedOf(this.#shard, this.#time, this.#from)
    this.#pending ??= take(this.#feed.iterator)
    await turn()
    const event = await Promise.race([this.#pending, Promise.resolve('none' as const)])
    if (event === 'none') return
    this.#pending = undefined
    if (event === undefined) this.#feed = undefined
    else this.#got(event)
  }

  /** Closes the connection: an event that is on its way is lost. */
  async leave(): Promise<void> {
    this.#feed?.client.abort()
    this.#feed = undefined
    this.#pending = undefined
    await turn()
  }

  get #from(): number {
    if (this.#continuation === undefined) return 0
    return parseKinesisSequenceNumber(this.#continuation)!.sequenceNumber + 1
  }

  #got(event: Event): void {
    this.seen.push(...dataOf(event))
    const number = event.ContinuationSequenceNumber!
    expect(BigInt(number)).toBeGreaterThanOrEqual(BigInt(this.#continuation ?? 0))
    for (const { SequenceNumber } of event.Records) {
      expect(BigInt(number)).toBeGreaterThanOrEqual(BigInt(SequenceNumber))
    }
    this.#continuation = number
  }
}
