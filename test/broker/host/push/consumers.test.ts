// Registered consumers at a host: who may subscribe, who gives way to whom, how far each is, and why.
import { beforeEach, describe, expect, it } from 'vitest'
import { errorCodeOf } from '../../../../protocol/error-codes.ts'
import { limits } from '../../../../protocol/limits.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'
import type { HostedConsumerShard } from '../../../../broker/host-contract.ts'
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
let other: FakeSession
beforeEach(() => {
  session = new FakeSession()
  other = new FakeSession()
})

const endings = (of: FakeSession) => of.sent('subscriptionEnded').map(({ code }) => errorCodeOf(code))
const one = { consumer: 'one' }

async function shardsOf(host: TestHost, consumerId = 0): Promise<readonly HostedConsumerShard[]> {
  return host.engine.consumerShards({ streamId: STREAM, consumerId, shardIndexes: [0, 1, 9] })
}

async function standing(host: TestHost): Promise<string> {
  return (await shardsOf(host))[0]!.standing
}

describe('subscribe as a consumer', () => {
  it('refuses one that the stream does not have, and knows a new one at once', async () => {
    const host = await startTestHost()
    await expect(host.subscribe(session, one)).rejects.toMatchObject({ code: 'consumerNotFound' })
    host.serveConsumers('one')
    await host.subscribe(session, one)
    await host.append(other, makeBatch(['a']))
    await until(() => session.pushed.length === 1)
    expect(contents(session.pushed)).toEqual(['0:a'])
  })

  it('knows no consumer of another stream', async () => {
    const host = await startTestHost({
      shards: [placedShard(0), placedShard(0, { streamId: STREAM + 1, slot: 50 })],
    })
    host.serveConsumers('one')
    const request = { streamId: STREAM + 1, shardIndex: 0, position: at('LATEST'), creditBytes: 1000, ...one }
    await expect(host.engine.handlers.subscribe(request, session.context)).rejects.toMatchObject({
      code: 'consumerNotFound',
    })
  })

  it('is refused while another subscription to the shard is young, with the time that it has to wait', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    host.serveConsumers('one', 'two')
    await host.subscribe(session, one)
    host.time.advance(1000)
    await expect(host.subscribe(other, one)).rejects.toMatchObject({
      code: 'consumerInUse',
      retryAfterMs: limits.consumerHoldMs - 1000,
    })
    await host.subscribe(other, { consumer: 'two' })
    await host.subscribe(other, { ...one, shardIndex: 1 })
    await host.subscribe(other)
    expect(endings(session)).toEqual([])
  })

  it('takes the place of an older subscription, which is told so', async () => {
    const host = await startTestHost()
    host.serveConsumers('one')
    await host.append(other, makeBatch(['a']))
    await host.subscribe(session, one)
    await until(() => session.pushed.length === 1)
    host.time.advance(limits.consumerHoldMs)
    await host.subscribe(other, one)
    expect(endings(session)).toEqual(['consumerDisplaced'])
    expect(session.sent('subscriptionEnded')).toMatchObject([{ nextSequenceNumber: 1 }])
    await host.append(new FakeSession(), makeBatch(['b']))
    await until(() => other.pushed.length === 2)
    expect(session.pushed).toHaveLength(1)
  })

  it('needs to wait for nothing where the other one has ended, or its session', async () => {
    const host = await startTestHost()
    host.serveConsumers('one')
    await host.subscribe(session, one)
    await host.engine.handlers.unsubscribe({ subscriptionId: 1 }, session.context)
    await host.subscribe(session, one)
    session.leave()
    await host.subscribe(other, one)
  })

  it('leaves the one that is there alone where it is refused for its position', async () => {
    const host = await startTestHost()
    host.serveConsumers('one')
    await host.subscribe(session, one)
    host.time.advance(limits.consumerHoldMs)
    await expect(
      host.subscribe(other, { ...one, position: at('AT_SEQUENCE_NUMBER', 7) }),
    ).rejects.toMatchObject({ code: 'invalidPosition' })
    expect(endings(session)).toEqual([])
  })
})

describe('a consumer that is deregistered', () => {
  it('loses its subscriptions, and no other one does', async () => {
    const host = await startTestHost()
    host.serveConsumers('one', 'two')
    await host.subscribe(session, one)
    await host.subscribe(session)
    await host.subscribe(other, { consumer: 'two' })
    host.engine.serveConsumers({
      streamId: STREAM,
      consumers: [{ id: 1, name: 'two', createdAt: 1, principal: null }],
    })
    expect(endings(session)).toEqual(['consumerNotFound'])
    expect(session.sent('subscriptionEnded')).toMatchObject([{ subscriptionId: 1 }])
    expect(endings(other)).toEqual([])
    await expect(host.subscribe(session, one)).rejects.toMatchObject({ code: 'consumerNotFound' })
  })

  it('and registered again under its name is another one', async () => {
    const host = await startTestHost()
    host.serveConsumers(['one', 1])
    await host.subscribe(session, one)
    host.serveConsumers(['one', 1])
    expect(endings(session)).toEqual([])
    host.serveConsumers(['one', 2])
    expect(endings(session)).toEqual(['consumerNotFound'])
    expect((await shardsOf(host))[0]).toMatchObject({ subscriber: null, next: null })
  })
})

describe('a consumer in a shard', () => {
  it('is told by who receives it, how far it is, and what lies behind it', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    host.serveConsumers('one')
    for (let i = 0; i < 5; i++) await host.append(other, makeBatch([`${i}`.padEnd(888)])) // 1000 bytes
    host.time.advance(4000)
    await host.subscribe(session, { ...one, creditBytes: 2000 })
    await until(() => session.pushed.length === 2)
    host.time.advance(10)
    expect(await shardsOf(host)).toMatchObject([
      {
        shardIndex: 0,
        subscriber: { address: 'test', client: 'test', forMs: 10 },
        next: 2,
        standing: 'waitingForCredit',
        backlog: { records: 3, bytes: 3000 },
        isClosed: false,
      },
      { shardIndex: 1, subscriber: null, next: null, standing: 'notConnected', backlog: null },
    ])
    const { recordsPerSecond, bytesPerSecond } = (await shardsOf(host))[0]!
    expect(bytesPerSecond / recordsPerSecond).toBeCloseTo(1000)
    expect(await host.measured('millrace_consumer_records_behind_max')).toBe(3)
    expect(await host.measured('millrace_consumer_shards', 'waitingForCredit')).toBe(1)
    expect(await host.measured('millrace_consumer_records_total')).toBe(2)
    session.leave()
    expect((await shardsOf(host))[0]).toMatchObject({
      subscriber: null,
      next: 2,
      standing: 'notConnected',
      backlog: { records: 3 },
    })
    expect(await host.measured('millrace_consumer_shards', 'waitingForCredit')).toBe(0)
  })

  it('says whether it is caught up, waits for its connection, or for its rate', async () => {
    const settings = {
      ...placedShard(0).settings,
      shardLimits: { ...noShardLimits, subscriptionBytesPerSecond: 1000 },
    }
    const host = await startTestHost({ shards: [placedShard(0, { settings })] })
    host.serveConsumers('one')
    await host.subscribe(session, one)
    await rest()
    expect(await standing(host)).toBe('caughtUp')
    for (let i = 0; i < 4; i++) await host.append(other, makeBatch(['x'.repeat(2000)]))
    await until(() => session.pushed.length > 0)
    expect(await standing(host)).toBe('throttled')
    session.queuedBytes = session.highWaterBytes + 1
    expect(await standing(host)).toBe('slowReader')
    session.queuedBytes = 0
    host.engine.lifecycle.update(STREAM, placedShard(0).settings)
    host.time.advance(1000)
    await until(() => session.pushed.length === 4)
    expect(await standing(host)).toBe('caughtUp')
  })

  it('keeps its rate when it subscribes again: nobody gets a second burst', async () => {
    const settings = {
      ...placedShard(0).settings,
      shardLimits: { ...noShardLimits, subscriptionBytesPerSecond: 1000 },
    }
    const host = await startTestHost({ shards: [placedShard(0, { settings })] })
    host.serveConsumers('one', 'two')
    await host.fill(20, 1000)
    await host.subscribe(session, one)
    await until(() => session.pushed.length === 1)
    for (let i = 0; i < 5; i++) {
      await rest()
      session.leave()
      session = new FakeSession()
      await host.subscribe(session, one)
    }
    await rest()
    expect(session.pushed).toHaveLength(0)
    await host.subscribe(other, { consumer: 'two' })
    await until(() => other.pushed.length === 1)
  })

  it('is forgotten with its shard', async () => {
    const host = await startTestHost()
    host.serveConsumers('one')
    await host.subscribe(session, one)
    await host.engine.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children: [1] }] })
    await host.engine.lifecycle.drop({ shards: [{ streamId: STREAM, shardIndex: 0, ownerId: 0, slot: 1 }] })
    await rest()
    expect(await shardsOf(host)).toEqual([])
  })
})
