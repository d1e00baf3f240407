// Subscriptions: credit, order, heartbeats, and how each of them ends.
import { beforeEach, describe, expect, it } from 'vitest'
import { errorCodes, errorCodeOf } from '../../../../protocol/error-codes.ts'
import { limits } from '../../../../protocol/limits.ts'
import { hostLimits } from '../../../../broker/host/host-limits.ts'
import { sessionLimits } from '../../../../broker/server/admission.ts'
import { FakeSession } from '../support/fake-session.ts'
import {
  at,
  contents,
  makeBatch,
  placedShard,
  startTestHost,
  STREAM,
  type TestHost,
} from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

let session: FakeSession
let producer: FakeSession
beforeEach(() => {
  session = new FakeSession()
  producer = new FakeSession()
})

const cold = { settings: { tailCacheBytes: 0 } }
const endings = (of: FakeSession) => of.sent('subscriptionEnded').map(({ code }) => errorCodeOf(code))
const give = (host: TestHost, bytes: number, subscriptionId = 1) =>
  host.engine.events.credit({ subscriptionId, bytes }, session)

describe('subscribe', () => {
  it('sends stored records and then new ones, each once and in order', async () => {
    const host = await startTestHost()
    await host.append(producer, makeBatch(['a', 'b']))
    expect(await host.subscribe(session)).toEqual({ subscriptionId: 1, sequenceNumber: 0 })
    await until(() => session.pushed.length === 1)
    await host.append(producer, makeBatch(['c']))
    await until(() => session.pushed.length === 2)
    expect(contents(session.pushed)).toEqual(['0:a', '1:b', '2:c'])
    expect(session.sent('records').at(-1)).toMatchObject({
      nextSequenceNumber: 3,
      tail: 3,
      millisBehindLatest: 0,
      time: host.time.now(),
    })
  })

  it('sends no records before its answer', async () => {
    const host = await startTestHost()
    await host.fill(3)
    let eventsBefore = -1
    await host.subscribe(session).then(() => {
      eventsBefore = session.events.length
    })
    expect(eventsBefore).toBe(0)
  })

  it.each([
    ['TRIM_HORIZON', undefined, ['0:record 0', '1:record 1', '2:record 2', '3:new']],
    ['AT_SEQUENCE_NUMBER', 1, ['1:record 1', '2:record 2', '3:new']],
    ['AFTER_SEQUENCE_NUMBER', 1, ['2:record 2', '3:new']],
    ['LATEST', undefined, ['3:new']],
  ] as const)('begins where %s says', async (type, value, expected) => {
    const host = await startTestHost()
    await host.fill(3)
    const { sequenceNumber } = await host.subscribe(session, { position: at(type, value) })
    await rest()
    await host.append(producer, makeBatch(['new']))
    await until(() => contents(session.pushed, sequenceNumber).length === expected.length)
    expect(contents(session.pushed, sequenceNumber)).toEqual(expected)
  })

  it('refuses a bad position and a shard that is not served', async () => {
    const host = await startTestHost()
    await expect(host.subscribe(session, { position: at('AT_SEQUENCE_NUMBER', 1) })).rejects.toMatchObject({
      code: 'invalidPosition',
    })
    await expect(host.subscribe(session, { shardIndex: 3 })).rejects.toMatchObject({ code: 'shardNotFound' })
    expect(await host.measured('millrace_subscriptions')).toBe(0)
  })

  it('has a limit for each session; an ended subscription makes room for another', async () => {
    const host = await startTestHost()
    for (let i = 0; i < limits.subscriptionsPerSessionMax; i++) await host.subscribe(session)
    await expect(host.subscribe(session)).rejects.toMatchObject({ code: 'limitExceeded' })
    await host.engine.handlers.unsubscribe({ subscriptionId: 17 }, session.context)
    expect(await host.subscribe(session)).toMatchObject({
      subscriptionId: limits.subscriptionsPerSessionMax + 1,
    })
    await host.subscribe(new FakeSession())
  })

  it('pushes in the turn after the flush, after the acknowledgement', async () => {
    const host = await startTestHost()
    await host.subscribe(session)
    await rest()
    let pushedBefore = -1
    await host.append(producer, makeBatch(['a'])).then(() => {
      pushedBefore = session.pushed.length
    })
    expect(pushedBefore).toBe(0)
    await rest(1)
    expect(session.pushed.length).toBe(1)
  })

  it('hands many subscribers the same bytes, without a copy for each', async () => {
    const host = await startTestHost()
    const sessions = Array.from({ length: 50 }, () => new FakeSession())
    for (const each of sessions) await host.subscribe(each)
    await rest()
    await host.append(producer, makeBatch(['x'.repeat(5000)]), makeBatch(['small']))
    await until(() => sessions.every((each) => each.pushed.length === 2))
    // The first gets them as they lie in memory, all others as they were packed for the second.
    expect(new Set(sessions.map((each) => each.pushed[0]!.buffer)).size).toBe(2)
    for (const each of sessions) expect(contents(each.pushed)).toEqual(contents(sessions[0]!.pushed))
    expect(host.reader.reads).toBe(0)
  })
})

describe('credit', () => {
  const batch = (text: string) => makeBatch([text.padEnd(888)]) // 1000 bytes

  async function startWithTen(options: object = {}): Promise<TestHost> {
    const host = await startTestHost(options)
    for (let i = 0; i < 10; i++) await host.append(producer, batch(`${i}`))
    return host
  }

  it('bounds the bytes that are sent, except for one batch', async () => {
    const host = await startWithTen()
    await host.subscribe(session, { creditBytes: 2500 })
    await rest()
    expect(session.pushed.length).toBe(3)
    await rest()
    expect(session.pushed.length).toBe(3)
    give(host, 400) // pays off only part of the debt
    await rest()
    expect(session.pushed.length).toBe(3)
    give(host, 101)
    await rest()
    expect(session.pushed.length).toBe(4)
    give(host, 1 << 20)
    await until(() => session.pushed.length === 10)
    expect(contents(session.pushed).length).toBe(10)
  })

  it('of zero lets nothing be sent or read', async () => {
    const host = await startWithTen(cold)
    await host.subscribe(session, { creditBytes: 0 })
    await rest()
    for (let i = 0; i < 20; i++) await host.append(producer, batch('more'))
    await rest()
    expect(session.pushed.length).toBe(0)
    expect(host.reader.reads).toBe(0)
  })

  it('keeps memory flat for a subscriber that never adds any', async () => {
    const host = await startTestHost({ settings: { tailCacheBytes: 20_000 } })
    await host.subscribe(session, { creditBytes: 5000 })
    for (let i = 0; i < 300; i++) await host.append(producer, batch(`${i}`))
    await rest()
    expect(session.pushedBytes).toBeLessThanOrEqual(6000)
    expect(await host.measured('millrace_tail_cache_bytes')).toBeLessThanOrEqual(20_000)
    expect(host.reader.reads).toBe(0)
    give(host, 1 << 20)
    await until(() => contents(session.pushed).length === 300)
  })

  it('never exceeds the bound of the protocol, however much is added', async () => {
    const host = await startTestHost()
    await host.subscribe(session, { creditBytes: limits.subscriptionCreditBytesMax })
    for (let i = 0; i < 100; i++) give(host, limits.subscriptionCreditBytesMax)
    expect(endings(session)).toEqual([])
  })

  it('is ignored for a subscription that does not exist', async () => {
    const host = await startTestHost()
    give(host, 100, 99)
    expect(session.events).toEqual([])
  })
})

describe('reading from storage', () => {
  it('catches up and continues from memory without a gap', async () => {
    const host = await startTestHost({ settings: { tailCacheBytes: 3000 } })
    await host.fill(100)
    await host.subscribe(session)
    for (let i = 0; i < 50; i++) {
      await host.append(producer, makeBatch([`live ${i}`]))
      await rest(1)
    }
    await until(() => contents(session.pushed).length === 150)
    const numbers = contents(session.pushed).map((text) => Number(text.split(':')[0]))
    expect(numbers).toEqual(Array.from({ length: 150 }, (_, i) => i))
    expect(host.reader.reads).toBeGreaterThan(0)
  })

  it('runs one read at a time for each subscription', async () => {
    const host = await startTestHost(cold)
    await host.fill(20)
    host.reader.beforeRead = async () => {
      expect(host.reader.running).toBe(1)
      await rest(3)
    }
    await host.subscribe(session, { creditBytes: 200 })
    for (let i = 0; i < 20; i++) {
      give(host, 200)
      await rest(1)
    }
    await until(() => contents(session.pushed).length === 20)
  })

  it('ends with corruptData at damaged bytes, after all sound records before them', async () => {
    const host = await startTestHost(cold)
    await host.fill(5)
    host.reader.corruptFrom = 3
    await host.subscribe(session)
    await until(() => endings(session).length > 0)
    expect(contents(session.pushed).length).toBe(3)
    expect(session.sent('subscriptionEnded')).toMatchObject([
      { code: errorCodes.corruptData.id, nextSequenceNumber: 3, damage: { nextSequenceNumber: 4 } },
    ])
    expect(host.broken).toEqual([])
  })

  it('ends with the reason when a read fails', async () => {
    const host = await startTestHost(cold)
    await host.fill(5)
    host.reader.beforeRead = () => Promise.reject(new Error('the disk is on fire'))
    await host.subscribe(session)
    await until(() => endings(session).length > 0)
    expect(endings(session)).toEqual(['internal'])
  })
})

describe('a connection that does not take what is sent', () => {
  const large = () => makeBatch(['x'.repeat(500_000)])

  it('stops the reads, which go on when it has drained', async () => {
    const host = await startTestHost({ settings: { tailCacheBytes: 0 } })
    for (let i = 0; i < 30; i++) await host.append(producer, large())
    session.stalled = true
    await host.subscribe(session, { creditBytes: limits.subscriptionCreditBytesMax })
    await rest(40)
    const { reads } = host.reader
    expect(session.queuedBytes).toBeLessThan(sessionLimits.highWaterBytes + 2 * hostLimits.deliveryBytes)
    await rest(40)
    expect(host.reader.reads).toBe(reads)
    session.drain()
    await until(() => contents(session.pushed).length === 30)
  })

  it('loses its subscription with slowConsumer after a time in which it took no bytes', async () => {
    const host = await startTestHost()
    for (let i = 0; i < 30; i++) await host.append(producer, large())
    session.stalled = true
    await host.subscribe(session, { creditBytes: limits.subscriptionCreditBytesMax })
    await rest(20)
    host.time.advance(hostLimits.slowConsumerMs - 1)
    expect(endings(session)).toEqual([])
    session.queuedBytes -= 1 // it took a byte, so the time begins again
    host.time.advance(hostLimits.slowConsumerMs - 1)
    expect(endings(session)).toEqual([])
    host.time.advance(limits.heartbeatMs)
    expect(endings(session)).toEqual(['slowConsumer'])
    session.drain()
    await rest()
    expect(session.events.at(-1)!.event).toBe('subscriptionEnded')
  })

  it('keeps its subscription while it has given no credit, or has every record', async () => {
    const host = await startTestHost()
    await host.append(producer, large())
    await host.subscribe(session, { creditBytes: 0 })
    await host.subscribe(session, { position: at('LATEST') })
    session.queuedBytes = sessionLimits.highWaterBytes + 1
    host.time.advance(10 * hostLimits.slowConsumerMs)
    expect(endings(session)).toEqual([])
    expect(session.sent('heartbeat')).toEqual([])
  })
})

describe('heartbeats', () => {
  it('are sent in time on every idle subscription, and not on a busy one', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    const busy = new FakeSession()
    await host.subscribe(busy, { shardIndex: 1 })
    for (let i = 0; i < 20; i++) await host.subscribe(session)
    for (let waited = 0; waited < 3 * limits.heartbeatMs; waited += 500) {
      host.time.advance(500)
      await host.appendTo(producer, { shardIndex: 1, batch: makeBatch(['a']) })
      await rest(2)
    }
    const beats = session.sent('heartbeat')
    for (let id = 1; id <= 20; id++) {
      const count = beats.filter(({ subscriptionId }) => subscriptionId === id).length
      expect(count).toBeGreaterThanOrEqual(3)
      expect(count).toBeLessThanOrEqual(7)
    }
    expect(beats[0]).toMatchObject({ nextSequenceNumber: 0, tail: 0 })
    expect(beats[0]!.time).toBeLessThan(beats.at(-1)!.time!)
    expect(beats.at(-1)!.time).toBeLessThanOrEqual(host.time.now())
    expect(busy.sent('heartbeat')).toEqual([])
  })

  it('are sent to any number of subscriptions, a bounded number in each turn', async () => {
    const host = await startTestHost()
    const sessions = Array.from({ length: 3 }, () => new FakeSession())
    const each = 3000
    for (const one of sessions) await Promise.all(Array.from({ length: each }, () => host.subscribe(one)))
    const beats = (): number => sessions.reduce((sum, one) => sum + one.sent('heartbeat').length, 0)
    host.time.advance(limits.heartbeatMs / 2)
    await rest()
    let most = 0
    for (let waited = 0; waited < limits.heartbeatMs / 2; waited += limits.heartbeatMs / 16) {
      const before = beats()
      host.time.advance(limits.heartbeatMs / 16)
      most = Math.max(most, beats() - before)
      await rest()
    }
    expect(most).toBe(hostLimits.beatsPerTurn)
    for (const one of sessions) {
      expect(new Set(one.sent('heartbeat').map(({ subscriptionId }) => subscriptionId)).size).toBe(each)
    }
  })

  it('tell a subscriber without credit the tail of the shard', async () => {
    const host = await startTestHost()
    await host.fill(3)
    await host.subscribe(session, { creditBytes: 0 })
    host.time.advance(limits.heartbeatMs)
    expect(session.sent('heartbeat')[0]).toMatchObject({ nextSequenceNumber: 0, tail: 3 })
  })
})

describe('a subscription ends', () => {
  it('by unsubscribe: sends nothing after the answer', async () => {
    const host = await startTestHost()
    await host.subscribe(session)
    await rest()
    expect(host.engine.handlers.unsubscribe({ subscriptionId: 1 }, session.context)).toEqual({})
    await host.append(producer, makeBatch(['a']))
    host.time.advance(3 * limits.heartbeatMs)
    await rest()
    expect(session.events).toEqual([])
    expect(() => host.engine.handlers.unsubscribe({ subscriptionId: 1 }, session.context)).toThrow(
      expect.objectContaining({ code: 'subscriptionNotFound' }),
    )
  })

  it('by unsubscribe while a read runs: sends nothing after the answer', async () => {
    const host = await startTestHost(cold)
    await host.fill(3)
    host.reader.beforeRead = () => rest(5)
    await host.subscribe(session)
    await until(() => host.reader.running === 1)
    await host.engine.handlers.unsubscribe({ subscriptionId: 1 }, session.context)
    await rest(20)
    expect(session.events).toEqual([])
  })

  it('with the session: leaves nothing behind', async () => {
    const host = await startTestHost()
    await host.subscribe(session)
    await host.subscribe(session)
    await rest()
    session.leave()
    expect(await host.measured('millrace_subscriptions')).toBe(0)
    await host.append(producer, makeBatch(['a']))
    await rest()
    expect(session.events).toEqual([])
  })

  it('with the stream: gets streamNotFound, and those of other streams go on', async () => {
    const host = await startTestHost({
      shards: [placedShard(0), placedShard(0, { streamId: STREAM + 1, slot: 50 })],
    })
    await host.subscribe(session)
    const other = new FakeSession()
    const place = { streamId: STREAM + 1, shardIndex: 0, position: at('LATEST') }
    const request = { ...place, creditBytes: 1000, consumer: undefined }
    await host.engine.handlers.subscribe(request, other.context)
    await host.dropStream()
    expect(endings(session)).toEqual(['streamNotFound'])
    expect(endings(other)).toEqual([])
  })

  it('with the host: gets unavailable, and new ones are refused', async () => {
    const host = await startTestHost()
    await host.append(producer, makeBatch(['a', 'b']))
    await host.subscribe(session)
    await until(() => session.pushed.length === 1)
    host.engine.quiesce()
    expect(session.sent('subscriptionEnded')).toMatchObject([
      { code: errorCodes.unavailable.id, nextSequenceNumber: 2 },
    ])
    await expect(host.subscribe(session)).rejects.toMatchObject({ code: 'unavailable' })
    expect(host.time.timerCount).toBe(0)
  })
})
