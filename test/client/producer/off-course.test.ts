// Hosts and controllers whose answers to a producer do not lead on: records are settled by an error that says so, or sent
// ever more seldom until their time is over.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../../client/index.ts'
import type { ResponseOf } from '../../../protocol/operations.ts'
import { driven, fakeTime } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

async function producing(broker: FakeBroker, deliveryTimeoutMs = 2000) {
  const retry = { backoffMinMs: 1, backoffMaxMs: 20 }
  const client = await driven(
    connect('millrace://fake', { dial: broker.dial, requestTimeoutMs: 1000, retry }),
  )
  const producer = await driven(client.producer('clicks', { deliveryTimeoutMs }))
  const send = (data: string) => driven(producer.send({ partitionKey: 'k', data }))
  const end = async () => {
    await driven(producer.close()).catch(() => {})
    await driven(client.close()).catch(() => {})
    expect(vi.getTimerCount()).toBe(0)
  }
  return { send, end }
}

type Results = ResponseOf<'append'>['results']

/** The broker stores, and answers appends otherwise; `count` counts them from 1. */
function answering(broker: FakeBroker, change: (results: Results, count: number) => object): void {
  let appends = 0
  broker.rewrite = (operation, answer) =>
    operation === 'append' ? { results: change((answer as ResponseOf<'append'>).results, ++appends) } : answer
}

const count = (broker: FakeBroker, operation: string) =>
  broker.received.filter((name) => name === operation).length

describe('an acknowledgement', () => {
  it.each<[string, (results: Results) => object, RegExp]>([
    [
      'at a number that was given before',
      (results) => results.map((each) => ({ ...each, baseSequenceNumber: 0 })),
      /acknowledged a batch at 0, and the one before it up to 0/,
    ],
    [
      'of a batch that was never sent',
      (results) => [...results, ...results],
      /answered an append of 1 batch with 2 results/,
    ],
    ['of nothing', () => [], /answered an append of 1 batch with 0 results/],
  ])('%s is not believed', async (_what, change, says) => {
    const broker = new FakeBroker()
    const { send, end } = await producing(broker)
    answering(broker, (results, appends) => (appends === 2 ? change(results) : results))
    await expect(send('1')).resolves.toMatchObject({ sequenceNumber: 0 })
    await expect(send('2')).rejects.toMatchObject({
      code: 'outcomeUnknown',
      cause: { code: 'invalidAnswer', message: expect.stringMatching(says) as string },
    })
    // The next one is believed again.
    await expect(send('3')).resolves.toMatchObject({ sequenceNumber: 2 })
    await end()
  })

  it('of a batch that was sent again may be answered before or after later ones', async () => {
    const broker = new FakeBroker()
    const { send, end } = await producing(broker)
    let appends = 0
    broker.disturb = ({ operation }) => (operation === 'append' && ++appends === 1 ? 'lostAfter' : 'none')
    const sent = await Promise.all(['1', '2', '3'].map(send))
    expect(sent.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1, 2])
    await end()
  })
})

describe('records that nobody takes', () => {
  it.each<[string, (broker: FakeBroker) => void, string]>([
    [
      'because hosts name each other',
      (broker) => {
        broker.disturb = ({ operation }) =>
          operation === 'append' ? { refuseBatch: () => 'shardNotFound' } : 'none'
      },
      'shardNotFound',
    ],
    [
      'because an epoch is never the right one',
      (broker) => {
        broker.disturb = ({ operation }) =>
          operation === 'append' ? { refuseBatch: () => 'outOfOrderSequence' } : 'none'
      },
      'outOfOrderSequence',
    ],
    [
      'because limits are used up without a time',
      (broker) => {
        answering(broker, (results) => results.map((each) => ({ ...each, code: 37, retryAfterMs: 0 })))
      },
      'provisionedThroughputExceeded',
    ],
    [
      'because limits are used up for ages',
      (broker) => {
        answering(broker, (results) =>
          results.map((each) => ({ ...each, code: 37, retryAfterMs: Number.MAX_SAFE_INTEGER })),
        )
      },
      'provisionedThroughputExceeded',
    ],
    [
      'because their host is always elsewhere',
      (broker) => {
        let port = 8000
        broker.stopHost(1)
        broker.rewrite = (operation, answer) =>
          operation === 'describeRouting'
            ? { ...answer, hosts: [{ hostId: 1, host: '127.0.0.1', port: port++ }] }
            : answer
      },
      'unavailable',
    ],
  ])('%s: are tried ever more seldom until their time is over', async (_why, change, code) => {
    const broker = new FakeBroker({ hosts: 2 })
    const { send, end } = await producing(broker)
    change(broker)
    await expect(send('1')).rejects.toMatchObject({ code })
    // In two seconds, with a backoff of 20 ms at most, of which half is random.
    expect(count(broker, 'append')).toBeLessThan(250)
    expect(count(broker, 'describeRouting')).toBeLessThan(250)
    await end()
  })

  it('because their shard closes and opens again and again: fail as soon as that is told', async () => {
    const broker = new FakeBroker()
    const { send, end } = await producing(broker)
    let asked = 0
    broker.disturb = ({ operation }) =>
      operation === 'append' ? { refuseBatch: () => 'shardClosed' } : 'none'
    broker.split(0)
    broker.merge(1, 2)
    broker.rewrite = (operation, answer) => {
      if (operation !== 'describeRouting') return answer
      asked++
      const { shards, epoch } = answer as ResponseOf<'describeRouting'>
      const open = asked % 2 === 0 ? 0 : 3
      const flipped = shards.map((shard) => ({ ...shard, state: shard.index === open ? 'OPEN' : 'CLOSED' }))
      return { ...answer, shards: flipped, epoch: epoch + asked }
    }
    await expect(send('1')).rejects.toMatchObject({
      code: 'invalidAnswer',
      message: expect.stringContaining('shardId-000000000000, which was closed, is open again') as string,
    })
    expect(asked).toBe(2)
    await end()
  })

  it('because every shard has closed when it is asked: children are gone to ever more seldom', async () => {
    const broker = new FakeBroker()
    const { send, end } = await producing(broker)
    broker.disturb = ({ operation, request }) => {
      if (operation === 'append') for (const { shardIndex } of request.batches) broker.split(shardIndex)
      return 'none'
    }
    // Which of the two, depends on where the record is when its time is over.
    await expect(send('1')).rejects.toMatchObject({
      code: expect.stringMatching(/^(shardClosed|unavailable)$/) as string,
    })
    expect(count(broker, 'append')).toBeLessThan(250)
    await end()
  })
})
