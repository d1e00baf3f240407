// A host that cannot be reached while a producer waits for it: records that come meanwhile wait with the others.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connect, type Dial } from '../../../client/index.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

it('sends nothing of a shard that backs off, though its host comes back and new records come in', async () => {
  const broker = new FakeBroker()
  const retry = { backoffMinMs: 40, backoffMaxMs: 40 }
  const client = await driven(connect('millrace://fake', { dial: broker.dial, retry }))
  const producer = await driven(client.producer('clicks'))
  let appends = 0
  broker.disturb = ({ operation }) => {
    if (operation !== 'append') return 'none'
    // The first is refused, and the second is answered late: it is under way when the backoff of the lane ends.
    return ++appends === 1 ? { refuseBatch: () => 'overloaded' } : appends === 2 ? 'hangs' : 'none'
  }
  const first = producer.send({ partitionKey: 'k', data: 'first' })
  await turns(20)
  expect(appends).toBe(1)
  // While the lane backs off its host goes down. It finds nobody, asks for the routing, and backs off again.
  broker.stopHost(1)
  await pass(45)
  broker.startHost(1)
  const second = producer.send({ partitionKey: 'k', data: 'second' })
  await pass(5)
  expect(appends).toBe(1)
  await pass(100)
  expect(appends).toBe(2)
  broker.disconnect()
  const acknowledgements = await driven(Promise.all([first, second]))
  expect(acknowledgements.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1])
  await driven(producer.close())
  await driven(client.close())
})

it.each(['unavailable', 'shardNotFound'] as const)(
  'a record that is given up says that nobody answers, not what a host answered before: %s',
  async (refusal) => {
    const broker = new FakeBroker()
    let isUp = true
    const dial: Dial = (...to) =>
      isUp ? broker.dial(...to) : Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1'))
    const client = await driven(connect('millrace://fake', { dial }))
    const producer = await driven(client.producer('clicks', { deliveryTimeoutMs: 1000 }))
    broker.disturb = ({ operation }) => (operation === 'append' ? { refuseBatch: () => refusal } : 'none')
    const sent = producer.send({ partitionKey: 'k', data: 'first' })
    await turns(20)
    expect(broker.received).toContain('append')
    isUp = false
    broker.disconnect()
    await expect(driven(sent)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /^No connection to .*ECONNREFUSED.* Records for shardId-0+ at .*:7401 were tried for 1000 ms and are not stored\.$/,
      ) as string,
    })
    await driven(producer.close())
    await driven(client.close())
  },
)
