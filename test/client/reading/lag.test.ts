// How far a loop is behind: from the records that it got, by the broker's clock, at any time.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client, Reading } from '../../../client/index.ts'
import { ShardLag } from '../../../client/reading/lag.ts'
import { driven, fakeTime, pass } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { batchOf, fill } from '../support/fill.ts'
import { connectTo } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const HOUR = 3_600_000

/** Both ways to get records, following from the oldest on. */
const ways: readonly (readonly [string, (client: Client) => Reading<Uint8Array>])[] = [
  ['read', (client) => client.read('clicks', { from: 'TRIM_HORIZON', follow: true })],
  ['subscribe', (client) => client.subscribe('clicks', { from: 'TRIM_HORIZON' })],
]

/** A broker whose clock is wrong by an hour, as the client's may be, and a client. */
async function started(shards = 1) {
  const broker = new FakeBroker({ shards })
  broker.usesClock = true
  broker.clockSkewMs = HOUR
  const { client, end } = await connectTo(broker)
  return { broker, client, end }
}

async function take(iterator: AsyncIterator<unknown>, count: number): Promise<void> {
  for (let i = 0; i < count; i++) expect(await driven(iterator.next())).toMatchObject({ done: false })
}

/** Within what the steps of driven time may add. */
function expectAbout(millis: number | undefined, wanted: number): void {
  expect(millis).toBeGreaterThanOrEqual(wanted)
  expect(millis).toBeLessThan(wanted + 100)
}

describe.each(ways)('millisBehindLatest of %s', (_, open) => {
  it('is the age of the record handed out last, and grows while the loop is busy, whatever has arrived', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [3])
    await pass(500)
    fill(broker, 0, [1])
    const reading = open(client)
    const iterator = reading[Symbol.asyncIterator]()
    await take(iterator, 1)
    // All four have arrived by now: two in the batch at hand, one in the inbox.
    expectAbout(reading.millisBehindLatest, 500)
    await pass(2000)
    expectAbout(reading.millisBehindLatest, 2500)
    await take(iterator, 2)
    expectAbout(reading.millisBehindLatest, 2500)
    await take(iterator, 1)
    expect(reading.millisBehindLatest).toBe(0)
    await end()
  })

  it('is 0 for a loop that has every record, until a newer one is there', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [2])
    const reading = open(client)
    const iterator = reading[Symbol.asyncIterator]()
    await take(iterator, 2)
    await pass(10_000)
    expect(reading.millisBehindLatest).toBe(0)
    fill(broker, 0, [1])
    await pass(1000)
    expectAbout(reading.millisBehindLatest, 11_000)
    await take(iterator, 1)
    expect(reading.millisBehindLatest).toBe(0)
    await end()
  })

  it('is the age of the oldest record that waits, before the first was handed out', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [1])
    await pass(1000)
    fill(broker, 0, [1])
    const reading = open(client)
    expect(reading.millisBehindLatest).toBeUndefined()
    await pass(3000)
    expectAbout(reading.millisBehindLatest, 4000)
    await end()
  })

  it('counts a batch as handed out as a whole, to a loop over batches', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [3, 3])
    const reading = open(client)
    const batches = reading.batches()
    await take(batches, 1)
    await pass(1000)
    expectAbout(reading.millisBehindLatest, 1000)
    await take(batches, 1)
    expect(reading.millisBehindLatest).toBe(0)
    await driven(batches.return())
    await end()
  })

  it('is that of the shard furthest behind', async () => {
    const { broker, client, end } = await started(2)
    fill(broker, 0, [1])
    const reading = open(client)
    const iterator = reading[Symbol.asyncIterator]()
    await take(iterator, 1)
    fill(broker, 0, [1])
    await pass(1000)
    fill(broker, 1, [1])
    await pass(1000)
    // Nothing of shard 1 was handed out: it counts by what waits, 1 s old; shard 0 by its first record, 2 s old.
    expectAbout(reading.millisBehindLatest, 2000)
    await take(iterator, 1)
    expectAbout(reading.millisBehindLatest, 1000)
    await take(iterator, 1)
    expect(reading.millisBehindLatest).toBe(0)
    await end()
  })

  it('counts records of a shard after it was split, and is 0 once its children are read too', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [2])
    const reading = open(client)
    const iterator = reading[Symbol.asyncIterator]()
    await take(iterator, 1)
    broker.split(0)
    await pass(1000)
    expectAbout(reading.millisBehindLatest, 1000)
    fill(broker, 1, [1])
    await take(iterator, 1)
    await pass(1000)
    expectAbout(reading.millisBehindLatest, 1000)
    await take(iterator, 1)
    await pass(1000)
    expect(reading.millisBehindLatest).toBe(0)
    await end()
  })

  it('counts from the last answer of a shard, while it cannot be reached', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [1])
    const reading = open(client)
    const iterator = reading[Symbol.asyncIterator]()
    await take(iterator, 1)
    await pass(1000)
    expect(reading.millisBehindLatest).toBe(0)
    broker.stopHost(1)
    await pass(5000)
    expect(reading.millisBehindLatest).toBeGreaterThanOrEqual(4000)
    broker.startHost(1)
    broker.store(0, batchOf(['late']))
    await take(iterator, 1)
    expect(reading.millisBehindLatest).toBe(0)
    await end()
  })
})

describe('millisBehindLatest', () => {
  it('of a reading that ends at the tail is 0 when the loop has all its records, even if newer ones exist', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [2])
    const reading = client.read('clicks', { from: 'TRIM_HORIZON' })
    const iterator = reading[Symbol.asyncIterator]()
    await take(iterator, 1)
    fill(broker, 0, [1])
    await pass(1000)
    expectAbout(reading.millisBehindLatest, 1000)
    await take(iterator, 1)
    expect(reading.millisBehindLatest).toBe(0)
    expect(await driven(iterator.next())).toMatchObject({ done: true })
    expect(reading.millisBehindLatest).toBe(0)
    await end()
  })

  it('grows for a shard that rests because its read limits are used up', async () => {
    const { broker, client, end } = await started()
    fill(broker, 0, [1])
    const reading = client.read('clicks', { from: 'TRIM_HORIZON', follow: true })
    const iterator = reading[Symbol.asyncIterator]()
    await take(iterator, 1)
    broker.shards[0]!.limitTo({ readBytesPerSecond: 1 })
    broker.shards[0]!.hosted.readThrottle!.take(1000, 1, performance.now())
    fill(broker, 0, [1])
    await pass(2000)
    expectAbout(reading.millisBehindLatest, 2000)
    await end()
  })
})

describe('ShardLag', () => {
  const tail = 1
  const millis = (lag: ShardLag, at: number) => lag.millis(at, 'some', 0)

  it('does not take a late answer for a slow clock of the host', () => {
    const lag = new ShardLag()
    lag.heard({ tail, time: 5000, at: 100 })
    lag.waits(5000)
    expect(millis(lag, 1100)).toBe(1000)
    lag.heard({ tail, time: 6000, at: 9100 })
    expect(millis(lag, 9100)).toBe(9000)
  })

  it('uses a clock that was set back after a minute', () => {
    const lag = new ShardLag()
    lag.heard({ tail, time: 1_000_000, at: 0 })
    lag.waits(900_000)
    lag.heard({ tail, time: 960_000, at: 60_000 })
    expect(millis(lag, 60_000)).toBe(60_000)
  })

  it('is undefined if the host does not send its time, and never below 0', () => {
    const lag = new ShardLag()
    lag.heard({ tail, time: undefined, at: 0 })
    lag.waits(1000)
    expect(millis(lag, 0)).toBeUndefined()
    lag.heard({ tail, time: 500, at: 0 })
    expect(millis(lag, 0)).toBe(0)
  })
})
