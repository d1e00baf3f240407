// Registered consumers in the controller: what is refused, what hosts are told, and what is told of a consumer.
import { describe, expect, it } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import type { HostedConsumerShard } from '../../../../broker/host-contract.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

async function start(options: { hosts?: number; shardCount?: number; fakeHosts?: FakeHosts } = {}) {
  const catalog = new MemoryCatalog()
  const test = await TestController.open(catalog, options)
  await test.ask('createStream', { name: 'clicks', shardCount: options.shardCount ?? 1 })
  return { test, catalog }
}

const dashboard = { stream: 'clicks', consumer: 'dashboard' }
const told = (test: TestController, hostId = 1) =>
  test.hosts.host(hostId).calls.filter((call) => call.startsWith('serveConsumers'))

const names = async (test: TestController, from?: string) =>
  (await test.ask('listConsumers', { stream: 'clicks', limit: 2, exclusiveStartName: from })).consumers.map(
    ({ name }) => name,
  )

describe('registerConsumer', () => {
  it('tells every host before it answers, also those without a shard of the stream', async () => {
    const { test } = await start({ hosts: 2 })
    expect(await test.ask('registerConsumer', dashboard)).toEqual({
      consumer: { name: 'dashboard', createdAt: test.time.now(), status: 'ACTIVE' },
    })
    for (const hostId of [1, 2]) expect(told(test, hostId)).toEqual(['serveConsumers 1 dashboard'])
  })

  it('refuses a second one of the name, a bad name, and a stream that does not exist', async () => {
    const { test } = await start()
    await test.ask('registerConsumer', dashboard)
    expect(await test.outcome('registerConsumer', dashboard)).toBe('consumerExists')
    for (const consumer of ['', 'a b', 'ü', 'x'.repeat(limits.consumerNameLengthMax + 1)]) {
      expect(await test.outcome('registerConsumer', { stream: 'clicks', consumer })).toBe('invalidArgument')
    }
    expect(await test.outcome('registerConsumer', { ...dashboard, stream: 'views' })).toBe('streamNotFound')
    expect(told(test)).toHaveLength(1)
  })

  it('has a limit for each stream; one that is deregistered makes room', async () => {
    const { test } = await start()
    for (let i = 0; i < limits.consumersPerStreamMax; i++) {
      await test.ask('registerConsumer', { stream: 'clicks', consumer: `c${i}` })
    }
    expect(await test.outcome('registerConsumer', dashboard)).toBe('limitExceeded')
    await test.ask('deregisterConsumer', { stream: 'clicks', consumer: 'c7' })
    await test.ask('registerConsumer', dashboard)
  })

  it('says CREATING where a host hangs, and tells that host when it answers again', async () => {
    const fakeHosts = new FakeHosts()
    const { test } = await start({ fakeHosts })
    let answer = (): void => {}
    fakeHosts.around = (call, _host, work) =>
      call === 'serveConsumers' ? new Promise((resolve) => (answer = () => resolve(work()))) : work()
    const registering = test.ask('registerConsumer', dashboard)
    await settled()
    await test.time.advance(10_000)
    expect((await registering).consumer.status).toBe('CREATING')
    answer()
    await settled()
    const { consumers } = await test.ask('listConsumers', { stream: 'clicks', limit: 1 })
    expect(consumers).toMatchObject([{ name: 'dashboard', status: 'ACTIVE' }])
  })
})

describe('a host that starts', () => {
  it('is told the consumers of all streams, after a restart of the controller too', async () => {
    const fakeHosts = new FakeHosts()
    const starts: unknown[] = []
    fakeHosts.around = (call, _host, work, request) => {
      if (call === 'start') starts.push((request as { consumers: unknown }).consumers)
      return work()
    }
    const { test, catalog } = await start({ fakeHosts })
    await test.ask('registerConsumer', dashboard)
    const known = [
      { streamId: 1, consumers: [{ id: 0, name: 'dashboard', createdAt: test.time.now(), principal: null }] },
    ]
    fakeHosts.host(1).crash()
    await settled()
    await test.time.advance(10_000)
    expect(starts).toEqual([[], known])
    test.controller.kill()
    await TestController.open(catalog, { fakeHosts })
    expect(starts).toEqual([[], known, known])
  })
})

describe('deregisterConsumer', () => {
  it('tells every host, and refuses one that does not exist', async () => {
    const { test } = await start()
    await test.ask('registerConsumer', dashboard)
    await test.ask('deregisterConsumer', dashboard)
    expect(told(test)).toEqual(['serveConsumers 1 dashboard', 'serveConsumers 1 '])
    expect(await test.outcome('deregisterConsumer', dashboard)).toBe('consumerNotFound')
    expect(await test.outcome('describeConsumer', { ...dashboard, limit: 1 })).toBe('consumerNotFound')
    expect(await names(test)).toEqual([])
  })

  it('leaves no consumer to a stream that is deleted and created again', async () => {
    const { test, catalog } = await start()
    await test.ask('registerConsumer', dashboard)
    await test.ask('deleteStream', { name: 'clicks' })
    await settled()
    expect(told(test).at(-1)).toBe('serveConsumers 1 ')
    await test.ask('createStream', { name: 'clicks', shardCount: 1 })
    expect(await names(test)).toEqual([])
    await test.ask('registerConsumer', dashboard)
    test.controller.kill()
    const again = await TestController.open(catalog)
    expect(await names(again)).toEqual(['dashboard'])
  })
})

describe('listConsumers', () => {
  it('lists them by name, a page at a time', async () => {
    const { test } = await start()
    for (const consumer of ['b', 'a', 'c']) await test.ask('registerConsumer', { stream: 'clicks', consumer })
    expect(await names(test)).toEqual(['a', 'b'])
    expect(await names(test, 'b')).toEqual(['c'])
  })
})

describe('describeConsumer', () => {
  const at = (shardIndex: number, given: Partial<HostedConsumerShard>): HostedConsumerShard => ({
    streamId: 1,
    shardIndex,
    subscriber: null,
    next: null,
    recordsPerSecond: 0,
    bytesPerSecond: 0,
    standing: 'notConnected',
    backlog: null,
    isClosed: false,
    ...given,
  })

  it('tells what hosts know of each shard, and of the others that they do not answer', async () => {
    const fakeHosts = new FakeHosts()
    let now = 0
    fakeHosts.behaviour = () => ({
      consumerShards: ({ shardIndexes }) => ({
        shards: [
          at(0, {
            subscriber: { address: '127.0.0.1:5', client: 'app', forMs: 300 },
            next: 7,
            standing: 'waitingForCredit',
            backlog: { records: 3, bytes: 300, oldestArrival: now - 2000 },
            recordsPerSecond: 2.4,
            bytesPerSecond: 240.3,
          }),
          at(1, {}),
        ].filter(({ shardIndex }) => shardIndexes.includes(shardIndex)),
      }),
    })
    const { test } = await start({ fakeHosts, shardCount: 3 })
    await test.ask('registerConsumer', dashboard)
    now = test.time.now()
    const first = await test.ask('describeConsumer', { ...dashboard, limit: 2 })
    expect(first).toMatchObject({
      consumer: { name: 'dashboard', status: 'ACTIVE' },
      shards: [
        {
          shardIndex: 0,
          subscriber: { address: '127.0.0.1:5', client: 'app', connectedAt: now - 300 },
          next: 7,
          recordsBehind: 3,
          bytesBehind: 300,
          millisBehind: 2000,
          recordsPerSecond: 2,
          bytesPerSecond: 240,
          reason: 'waitingForCredit',
        },
        { shardIndex: 1, subscriber: undefined, next: undefined, reason: 'notConnected' },
      ],
      lastIndex: 1,
    })
    expect(first.shards[0]!.detail).toMatch(/^3 records wait: /)
    const second = await test.ask('describeConsumer', { ...dashboard, limit: 2, exclusiveStartIndex: 1 })
    expect(second).toMatchObject({ shards: [{ shardIndex: 2, reason: 'unreachable' }], lastIndex: undefined })
  })
})
