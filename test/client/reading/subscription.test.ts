// Push: credit, resumption, heartbeats and ends.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { limits } from '../../../protocol/limits.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { fill } from '../support/fill.ts'
import { collect, connectTo } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('subscriptions', () => {
  it('never have more bytes ahead than the credit, except for one batch, and go on as records are taken', async () => {
    const broker = new FakeBroker()
    fill(
      broker,
      0,
      Array.from({ length: 100 }, () => 10),
    )
    const bytes = broker.shards[0]!.batches[0]!.length
    const { client, end } = await connectTo(broker)
    const subscription = client.subscribe('clicks', { from: 'TRIM_HORIZON', creditBytes: 10 * bytes })
    const iterator = subscription[Symbol.asyncIterator]()
    for (let taken = 0; taken < 1000; taken += 10) {
      for (let i = 0; i < 10; i++) await driven(iterator.next())
      await turns(5)
      const [fake] = broker.subscriptions()
      const sent = fake!.next / 10
      expect(sent - taken / 10).toBeLessThanOrEqual(13)
    }
    await end()
  })

  it('of more shards than a connection takes concurrent requests begin and end too', async () => {
    const shards = limits.sessionRequestsInFlightMax + 200
    const broker = new FakeBroker({ shards })
    const { client, end } = await connectTo(broker)
    const subscription = client.subscribe('clicks')
    await driven(subscription.started)
    await turns(100)
    expect(broker.subscriptions().length).toBe(shards)
    await subscription.close()
    await turns(100)
    expect(broker.subscriptions().length).toBe(0)
    await end()
  })

  it('go on where they were after a lost connection, with no more credit than is left of the window', async () => {
    const broker = new FakeBroker()
    fill(
      broker,
      0,
      Array.from({ length: 20 }, () => 5),
    )
    const bytes = broker.shards[0]!.batches[0]!.length
    const { client, end } = await connectTo(broker)
    const credits: number[] = []
    broker.disturb = (message) => {
      if (message.operation === 'subscribe') credits.push(message.request.creditBytes)
      return 'none'
    }
    const subscription = client.subscribe('clicks', { from: 'TRIM_HORIZON', creditBytes: 4 * bytes })
    const iterator = subscription[Symbol.asyncIterator]()
    await driven(iterator.next())
    await turns(10)
    broker.disconnect(7401)
    await pass(50)
    expect(credits[0]).toBe(4 * bytes)
    expect(credits[1]).toBeLessThanOrEqual(bytes)
    const rest: number[] = []
    const drain = async () => {
      while (rest.length < 99)
        rest.push(((await iterator.next()).value as { sequenceNumber: number }).sequenceNumber)
    }
    await driven(drain())
    expect(rest).toEqual(Array.from({ length: 99 }, (_, i) => i + 1))
    await end()
  })

  it('go on if the loop takes all buffered batches during a new subscribe request', async () => {
    const broker = new FakeBroker()
    fill(
      broker,
      0,
      Array.from({ length: 20 }, () => 5),
    )
    const bytes = broker.shards[0]!.batches[0]!.length
    const { client, end } = await connectTo(broker)
    const seen: number[] = []
    const subscription = client.subscribe('clicks', { from: 'TRIM_HORIZON', creditBytes: 4 * bytes })
    const iterator = subscription[Symbol.asyncIterator]()
    const take = async (count: number) => {
      while (seen.length < count) seen.push((await iterator.next()).value.sequenceNumber)
    }
    await driven(take(1))
    await turns(10)
    // What arrived uses up the window: the request gives hardly any credit, and the rest is taken before its answer.
    const arrived = broker.subscriptions()[0]!.next
    let taken: Promise<void> | undefined
    broker.disturb = ({ operation }) => {
      if (operation !== 'subscribe') return 'none'
      taken ??= take(arrived)
      return 'late'
    }
    broker.disconnect(7401)
    await pass(50)
    await driven(taken!)
    await driven(take(100))
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i))
    // Nobody had to take it for dead: a broker that sends heartbeats never is.
    expect(broker.received.filter((name) => name === 'subscribe')).toHaveLength(2)
    await end()
  })

  it('close a silent connection, and keep one with heartbeats', async () => {
    const broker = new FakeBroker()
    const { client, end } = await connectTo(broker)
    const reads = collect(client.subscribe('clicks'), 1)
    await turns(20)
    const before = broker.connections
    for (let i = 0; i < 10; i++) {
      await pass(limits.heartbeatMs, 500)
      broker.beat()
      await turns()
    }
    expect(broker.connections).toBe(before)
    await pass(limits.heartbeatMs * 5, 500)
    expect(broker.connections).toBeGreaterThan(before)
    fill(broker, 0, [1])
    await expect(driven(reads)).resolves.toEqual(['0:0'])
    await end()
  })

  it('that are refused permanently end the loop with the reason, after the records that have arrived', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [2])
    const { client, end } = await connectTo(broker)
    const subscription = client.subscribe('clicks', { from: 'TRIM_HORIZON' })
    await driven(subscription.started)
    await turns(10)
    broker.endSubscriptions('corruptData')
    await turns(10)
    const seen: string[] = []
    const loop = async () => {
      for await (const { data } of subscription) seen.push(Buffer.from(data).toString())
    }
    await expect(driven(loop())).rejects.toMatchObject({ code: 'corruptData' })
    expect(seen).toEqual(['0:0', '0:1'])
    await end()
  })

  it('are ended at the broker when the loop is left', async () => {
    const broker = new FakeBroker({ shards: 3 })
    const { client, end } = await connectTo(broker)
    const subscription = client.subscribe('clicks')
    await driven(subscription.started)
    await turns(10)
    expect(broker.subscriptions()).toHaveLength(3)
    await subscription.close()
    await turns(10)
    expect(broker.subscriptions()).toHaveLength(0)
    await end()
  })

  it('say when hosts have taken them, and fail for a consumer in use only if they are to and only as they begin', async () => {
    const broker = new FakeBroker({ shards: 2 })
    const { client, end } = await connectTo(broker)
    let answers: 'hold' | 'refuse' | 'give' = 'refuse'
    broker.disturb = ({ operation }) => {
      if (operation !== 'subscribe' || answers === 'give') return 'none'
      return answers === 'hold' ? 'hangs' : { refuse: 'consumerInUse', retryAfterMs: 20 }
    }
    const refused = client.subscribe('clicks', { consumer: 'dashboard', onInUse: 'fail' })
    await expect(driven(refused.answered)).rejects.toMatchObject({ code: 'consumerInUse' })
    await expect(driven(collect(refused))).rejects.toMatchObject({ code: 'consumerInUse' })

    const waiting = client.subscribe('clicks', { consumer: 'dashboard' })
    let isAnswered = false
    void waiting.answered.then(() => (isAnswered = true))
    await driven(waiting.started)
    await pass(100)
    expect(isAnswered).toBe(false)
    answers = 'give'
    await driven(waiting.answered)
    await waiting.close()

    const taken = client.subscribe('clicks', { consumer: 'dashboard', onInUse: 'fail' })
    await driven(taken.answered)
    answers = 'refuse'
    broker.disconnect(7401)
    await pass(100)
    answers = 'give'
    fill(broker, 0, [1])
    await expect(driven(collect(taken, 1))).resolves.toEqual(['0:0'])
    await end()
  })

  it('that are closed before hosts have taken them leave nobody waiting', async () => {
    const broker = new FakeBroker()
    const { client, end } = await connectTo(broker)
    broker.disturb = ({ operation }) => (operation === 'subscribe' ? 'hangs' : 'none')
    const subscription = client.subscribe('clicks')
    await driven(subscription.started)
    await subscription.close()
    await driven(subscription.answered)
    await end()
  })
})
