// Records with a time to live: what could not be stored within it fails, says whether it may be stored, and leaves those
// behind it in order.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { MillraceError } from '../../../client/index.ts'
import { isOverdue, overdueOf, sweepMsOf } from '../../../client/producer/lanes/deadlines.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { failureOf, onAppend, onAppends, producing, record } from './support/producing.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const textsIn = (broker: FakeBroker) => broker.recordsOf(0).map(({ data }) => Buffer.from(data).toString())

const expired = (code: string, sideEffects: 'none' | 'possible') =>
  expect.objectContaining({ code, sideEffects }) as unknown

describe('a record with a time to live', () => {
  it('that was never sent: fails with recordExpired, without side effects, and says what it waited for', async () => {
    const broker = new FakeBroker()
    broker.stopHost(1)
    const { producer, end } = await producing(broker, { recordTtlMs: 400 })
    const failure = failureOf(producer.send(record))
    await pass(395)
    const early = await Promise.race([failure, Promise.resolve('waits')])
    expect(early).toBe('waits')
    const error = (await driven(failure, { limitMs: 120 })) as MillraceError
    expect(error).toEqual(expired('recordExpired', 'none'))
    expect(error.message).toMatch(
      /within recordTtlMs, 400 ms\. .*are not stored\. The last error: .*ECONNREFUSED/,
    )
    broker.startHost(1)
    await end()
  })

  it('that was refused until then: is not stored, and those that still have time are, in order', async () => {
    const broker = new FakeBroker()
    onAppend(broker, { refuseBatch: () => 'storageFull' })
    const { producer, end } = await producing(broker, { recordTtlMs: 400, batchRecords: 1 })
    const old = ['1', '2'].map((data) => failureOf(producer.send({ partitionKey: 'ada', data })))
    await pass(300)
    const young = ['3', '4'].map((data) => producer.send({ partitionKey: 'ada', data }))
    expect(await driven(Promise.all(old))).toEqual([
      expired('recordExpired', 'none'),
      expired('recordExpired', 'none'),
    ])
    onAppend(broker, 'none')
    await driven(Promise.all(young))
    expect(textsIn(broker)).toEqual(['3', '4'])
    await end()
  })

  it.each(['lostBefore', 'lostAfter', 'lingers'] as const)(
    'whose sending was not answered (%s): may be stored, and nothing behind it is stored twice or out of order',
    async (what) => {
      const broker = new FakeBroker()
      const { producer, end } = await producing(broker, { recordTtlMs: 200, batchRecords: 1 })
      onAppends(broker, [what])
      const first = failureOf(producer.send({ partitionKey: 'ada', data: '1' }))
      await turns(20)
      broker.stopHost(1)
      await pass(150)
      const second = producer.send({ partitionKey: 'ada', data: '2' })
      expect(await driven(first)).toEqual(expired('outcomeUnknown', 'possible'))
      broker.startHost(1)
      await driven(second)
      broker.releaseLingering()
      const third = producer.send({ partitionKey: 'ada', data: '3' })
      await driven(third)
      const stored = textsIn(broker)
      expect(stored.filter((text) => text !== '1')).toEqual(['2', '3'])
      expect(stored.length === 2 || stored[0] === '1').toBe(true)
      await end()
    },
  )

  it('that is under way when its time is over: is stored if the answer says so, else it may be', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker, { recordTtlMs: 100 })
    onAppend(broker, 'late')
    const answered = producer.send(record)
    while (broker.appendSizes.length === 0) await turns(1)
    vi.advanceTimersByTime(500)
    await expect(driven(answered)).resolves.toMatchObject({ sequenceNumber: 0 })
    onAppend(broker, 'hangs')
    const lost = failureOf(producer.send(record))
    await pass(500)
    expect(producer.metrics().bufferedRecords).toBe(1)
    broker.disconnect(7401)
    expect(await driven(lost)).toEqual(expired('outcomeUnknown', 'possible'))
    onAppend(broker, 'none')
    await end()
  })

  it('never fails before its own time, however old the first record of its batch is', async () => {
    const broker = new FakeBroker()
    onAppends(broker, ['hangs'])
    const { producer, end } = await producing(broker, { recordTtlMs: 800, lingerMs: 60_000 })
    const acceptedAt: number[] = []
    const failedAt: number[] = []
    broker.stopHost(1)
    for (let i = 0; i < 60; i++) {
      acceptedAt.push(performance.now())
      void failureOf(producer.send(record)).then(() => (failedAt[i] = performance.now()))
      await vi.advanceTimersByTimeAsync(10)
    }
    await pass(1200)
    expect(failedAt.filter((at) => at !== undefined)).toHaveLength(60)
    for (const [i, at] of failedAt.entries()) {
      expect(at - acceptedAt[i]!).toBeGreaterThanOrEqual(800)
      expect(at - acceptedAt[i]!).toBeLessThanOrEqual(1000 + 20)
    }
    broker.startHost(1)
    await end()
  })
})

describe('the deadlines of a lane', () => {
  it('end batches from the front only, each no earlier than its time', () => {
    const span = fc.integer({ min: 1, max: 1000 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(100), fc.nat(100)), { maxLength: 10 }),
        span,
        span,
        fc.nat(3000),
        (steps, deliveryTimeoutMs, recordTtlMs, now) => {
          let at = 0
          const queue = steps.map(([pause, gathering]) => {
            const acceptedAt = (at += pause)
            return { acceptedAt, lastAcceptedAt: (at += gathering) }
          })
          const deadlines = { deliveryTimeoutMs, recordTtlMs }
          const overdue = overdueOf(queue, now, deadlines)
          const [first] = queue
          expect(overdue !== undefined).toBe(first !== undefined && isOverdue(first, now, deadlines))
          for (const batch of queue.slice(0, overdue?.count ?? 0)) {
            expect(isOverdue(batch, now, deadlines)).toBe(true)
          }
        },
      ),
    )
  })

  it('are looked at often enough for the shortest of them', () => {
    expect(sweepMsOf({ deliveryTimeoutMs: 120_000, recordTtlMs: Infinity })).toBe(1000)
    expect(sweepMsOf({ deliveryTimeoutMs: 120_000, recordTtlMs: 800 })).toBe(100)
    expect(sweepMsOf({ deliveryTimeoutMs: 1, recordTtlMs: 1 })).toBe(5)
  })
})
