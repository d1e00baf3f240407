// Results say how a record was tried: where, when, for how long, and what came of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Acknowledgement, MillraceError } from '../../../client/index.ts'
import { ATTEMPTS_KEPT, noAttempts, withAttempt } from '../../../client/producer/batches/attempts.ts'
import { driven, fakeTime, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { failureOf, onAppend, onAppends, producing, record, shardId } from './support/producing.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const codesOf = ({ attempts }: Pick<Acknowledgement, 'attempts'>) =>
  attempts.map(({ errorCode }) => errorCode)

describe('the attempts of a record', () => {
  it('are one where all went well: one frozen list for all records of the batch', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const before = Date.now()
    const [first, second] = await driven(Promise.all([producer.send(record), producer.send(record)]))
    expect(first.attempts).toEqual([
      {
        number: 1,
        shardId,
        sentAt: expect.any(Date) as Date,
        tookMs: expect.any(Number) as number,
        errorCode: null,
      },
    ])
    expect(first.attempts[0]!.sentAt.getTime()).toBeGreaterThanOrEqual(before)
    expect(second.attempts).toBe(first.attempts)
    expect(Object.isFrozen(first.attempts) && Object.isFrozen(first.attempts[0])).toBe(true)
    await end()
  })

  it('say why the earlier ones failed, in the order of time', async () => {
    const broker = new FakeBroker()
    onAppends(broker, [{ refuseBatch: () => 'storageFull' }, 'lostAfter', { refuse: 'unavailable' }])
    const { producer, end } = await producing(broker)
    const acknowledgement = await driven(producer.send(record))
    expect(codesOf(acknowledgement)).toEqual(['storageFull', 'connectionLost', 'unavailable', null])
    const times = acknowledgement.attempts.map(({ sentAt }) => sentAt.getTime())
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(broker.recordsOf(0)).toHaveLength(1)
    await end()
  })

  it('go with a record to the shards that take the place of its shard', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    onAppends(broker, ['hangs'])
    const sent = 'abcdefgh'.split('').map((key) => producer.send({ partitionKey: key, data: key }))
    await turns()
    broker.split(0)
    broker.disconnect(7401)
    for (const acknowledgement of await driven(Promise.all(sent))) {
      expect(codesOf(acknowledgement)).toEqual(['connectionLost', 'shardClosed', null])
      expect(acknowledgement.attempts.map((attempt) => attempt.shardId)).toEqual([
        shardId,
        shardId,
        acknowledgement.shardId,
      ])
    }
    await end()
  })

  it('stand on the error of a record that is given up, and none on that of one that was never sent', async () => {
    const broker = new FakeBroker()
    onAppend(broker, { refuseBatch: () => 'invalidBatch' })
    const { producer, end } = await producing(broker)
    const refused = (await driven(failureOf(producer.send(record)))) as MillraceError
    expect(codesOf({ attempts: refused.attempts! })).toEqual(['invalidBatch'])
    expect(JSON.parse(JSON.stringify(refused))).toMatchObject({ attempts: [{ errorCode: 'invalidBatch' }] })
    broker.stopHost(1)
    const never = failureOf(producer.send(record))
    producer.abort()
    expect(((await driven(never)) as MillraceError).attempts).toBeUndefined()
    await end()
  })

  it('are bounded: of many, the first and the newest are kept, with their numbers', () => {
    let attempts = noAttempts
    const attempt = { shardId, sentAt: new Date(), tookMs: 1, errorCode: 'overloaded' } as const
    for (let i = 0; i < 100; i++) attempts = withAttempt(attempts, attempt)
    expect(attempts).toHaveLength(ATTEMPTS_KEPT)
    expect(attempts.map(({ number }) => number)).toEqual([
      1,
      ...Array.from({ length: ATTEMPTS_KEPT - 1 }, (_, i) => 100 - ATTEMPTS_KEPT + 2 + i),
    ])
  })
})
