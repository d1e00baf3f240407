// A producer whose callers decide when to come again: what the limits of a shard refuse fails at once, and nothing else does.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  connect,
  MillraceError,
  type Acknowledgement,
  type ProducerOptions,
} from '../../../../client/index.ts'
import { driven, fakeTime } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

/** A producer, and records with keys of their own that it sends at once. */
async function failing(options: ProducerOptions = {}, shards = 1) {
  const broker = new FakeBroker({ shards })
  const client = await driven(connect('millrace://fake', { dial: broker.dial }))
  const producer = await driven(client.producer('clicks', { onThrottled: 'fail', ...options }))
  const send = (count: number) =>
    driven(
      Promise.all(
        Array.from({ length: count }, (_, i) =>
          producer
            .send({ partitionKey: `key ${i}`, data: 'x' })
            .catch((error: unknown) => error as MillraceError),
        ),
      ),
    )
  return { broker, client, producer, send }
}

const isStored = (outcome: Acknowledgement | MillraceError): outcome is Acknowledgement =>
  !MillraceError.is(outcome)

describe("a producer with onThrottled: 'fail'", () => {
  it('stores in the other shards what is for them', async () => {
    const { broker, client, send } = await failing({}, 2)
    broker.shards[0]!.limitTo({ writeRecordsPerSecond: 1 })
    await send(20)
    const outcomes = await send(20)
    const stored = outcomes.filter(isStored)
    expect(new Set(stored.map(({ shardId }) => shardId))).toEqual(new Set(['shardId-000000000001']))
    expect(stored.length).toBeGreaterThan(0)
    expect(stored.length).toBeLessThan(20)
    await driven(client.close())
  })

  it('goes on with the records behind a refused one, in order, each once', async () => {
    const { broker, client, producer } = await failing({ batchRecords: 1 })
    let appends = 0
    broker.disturb = ({ operation }) =>
      operation === 'append' && ++appends % 2 === 1
        ? { refuseBatch: (place) => (place === 0 ? 'provisionedThroughputExceeded' : undefined) }
        : 'none'
    const names = Array.from({ length: 30 }, (_, i) => String(i))
    const outcomes = names.map((data) =>
      producer.send({ partitionKey: 'one', data }).then(
        () => true,
        () => false,
      ),
    )
    const isIn = await driven(Promise.all(outcomes))
    expect(broker.recordsOf(0).map(({ data }) => Buffer.from(data).toString())).toEqual(
      names.filter((_, i) => isIn[i]),
    )
    expect(new Set(isIn)).toEqual(new Set([true, false]))
    await driven(client.close())
  })

  it('tries again whatever fails for another reason, also across a split', async () => {
    const { broker, client, send } = await failing()
    let left = 4
    broker.disturb = ({ operation }) => {
      if (operation !== 'append' || left-- <= 0) return 'none'
      return left % 2 === 0 ? 'lostAfter' : { refuse: 'overloaded' }
    }
    expect((await send(5)).every(isStored)).toBe(true)
    broker.split(0)
    expect((await send(5)).every(isStored)).toBe(true)
    await driven(client.close())
  })

  it('learns of a batch whose answer was lost that it is stored, though the limits are used up by then', async () => {
    const { broker, client, send } = await failing()
    let appends = 0
    broker.disturb = ({ operation }) => {
      if (operation !== 'append') return 'none'
      appends++
      if (appends === 1) return 'lostAfter'
      return appends < 4 ? { refuseBatch: () => 'provisionedThroughputExceeded' } : 'none'
    }
    expect((await send(3)).every(isStored)).toBe(true)
    expect(appends).toBe(4)
    expect(broker.recordsOf(0)).toHaveLength(3)
    await driven(client.close())
  })
})
