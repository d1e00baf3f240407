// A host as its controller and its clients see it: through calls, and through connections.
import { afterEach, describe, expect, it } from 'vitest'
import { errorCodes } from '../../../protocol/error-codes.ts'
import { createHost, type HostOptions } from '../../../broker/host/host.ts'
import { openPolicyData } from '../../../broker/access/policy.ts'
import type { HostCalls } from '../../../broker/host-contract.ts'
import { inProcessPair } from '../../../broker/server/transport/in-process.ts'
import { silentLog } from '../../../broker/telemetry/log.ts'
import { createCaller, serveCalls } from '../../../broker/channels/calls.ts'
import { channelPair } from '../../../broker/channels/channel-pair.ts'
import { CountedMetrics } from '../../support/counted-metrics.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { MemoryMaintenance } from './support/memory-maintenance.ts'
import { MemoryOwner, MemoryReader } from './support/memory-owner.ts'
import { at, codeOf, contents, makeBatch, placedShard, settings, STREAM } from './support/test-host.ts'
import { until } from './support/stepped-time.ts'

const connections: RawConnection[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close()
})

function launch(options: Partial<HostOptions> = {}) {
  const owner = new MemoryOwner(0)
  const reader = new MemoryReader([owner])
  const broken: Error[] = []
  const counted = new CountedMetrics()
  const host = createHost({
    startOwner: () => Promise.resolve(owner.start()),
    openReader: () => reader,
    openMaintenance: () => new MemoryMaintenance(),
    software: 'millrace/test',
    openLog: () => silentLog(),
    telemetry: {
      instruments: counted.instruments,
      collect: () => Promise.resolve([{ name: 'a metric' }]),
    },
    onBroken: (error) => broken.push(error),
    ...options,
  })
  const [controllerEnd, hostEnd] = channelPair()
  serveCalls<HostCalls>(hostEnd, host.handlers)
  const { call } = createCaller<HostCalls>(controllerEnd)

  async function connect(): Promise<RawConnection> {
    const [near, far] = inProcessPair()
    const connection = new RawConnection(near)
    connections.push(connection)
    host.accept(far)
    await connection.hello()
    return connection
  }
  const start = () =>
    call('start', { settings, shards: [placedShard(0)], consumers: [], policy: openPolicyData })
  return { host, owner, reader, broken, counted, call, connect, start }
}

const appendTo = (connection: RawConnection, ...texts: readonly string[]) =>
  connection.request('append', {
    batches: [{ streamId: STREAM, shardIndex: 0, batch: makeBatch(texts), producerSecret: undefined }],
  })

describe('a host', () => {
  it('serves the data plane to connections, from append to push', async () => {
    const { connect, start } = launch()
    expect(await start()).toEqual({ port: 0, absentOwners: [] })
    const [producer, consumer] = [await connect(), await connect()]
    const position = at('TRIM_HORIZON')
    const place = { streamId: STREAM, shardIndex: 0, position, consumer: undefined }
    await consumer.request('subscribe', { ...place, creditBytes: 100 })
    const { results } = await appendTo(producer, 'a', 'b')
    expect(results).toMatchObject([{ code: 0, baseSequenceNumber: 0, durability: 'disk' }])
    await until(() => consumer.events.length === 1)
    await appendTo(producer, 'c')
    consumer.send('credit', { subscriptionId: 1, bytes: 1000 })
    await until(() => consumer.events.length === 2)
    const pushed = consumer.events.flatMap((event) => (event.event === 'records' ? event.body.batches : []))
    expect(contents(pushed)).toEqual(['0:a', '1:b', '2:c'])
    const shards = [{ streamId: STREAM, shardIndex: 0, sequenceNumber: 1, bytesMax: 1000 }]
    const fetched = await producer.request('fetch', { shards, bytesMax: 1000, waitMs: 0 })
    expect(contents(fetched.shards[0]!.batches, 1)).toEqual(['1:b', '2:c'])
  })

  it('gives its identity in the answer to hello', async () => {
    const { host, start } = launch()
    await start()
    const [near, far] = inProcessPair()
    const connection = new RawConnection(near)
    connections.push(connection)
    host.accept(far)
    const { brokerId, role, hostId, software } = await connection.hello()
    expect({ brokerId, role, hostId, software }).toEqual({
      brokerId: 'test',
      role: 'host',
      hostId: 1,
      software: 'millrace/test',
    })
  })

  it('answers its controller: shards, settings of a stream, metrics', async () => {
    const { call, connect, start, counted } = launch()
    await start()
    await call('openShards', { shards: [placedShard(0), placedShard(1)] })
    await appendTo(await connect(), 'a')
    await call('updateStream', { streamId: STREAM, settings: placedShard(0).settings })
    const { extents } = await call('describeShards', { streamId: STREAM, shardIndexes: [0, 1] })
    expect(extents).toMatchObject([
      { streamId: STREAM, shardIndex: 0, trimHorizon: 0, tail: 1 },
      { streamId: STREAM, shardIndex: 1, trimHorizon: 0, tail: 0 },
    ])
    const one = await call('describeShards', { streamId: STREAM, shardIndexes: [7, 1] })
    expect(one.extents.map(({ shardIndex }) => shardIndex)).toEqual([1])
    expect(await call('metrics', null)).toEqual({ metrics: [{ name: 'a metric' }] })
    expect(counted.sum('millrace_shards')).toBe(2)
    expect(counted.sums('millrace_owner_segments')).toEqual({ '0': 1 })
    expect(counted.sums('millrace_requests_total')).toMatchObject({ append: 1 })
    expect(counted.sum('millrace_appended_records_total')).toBe(1)
    await call('dropStream', { streamId: STREAM, shards: [{ ownerId: 0, slot: 1 }] })
    expect(await call('describeShards', { streamId: STREAM, shardIndexes: [0, 1] })).toEqual({ extents: [] })
  })

  it('seals and drops shards for its controller, and reports loads', async () => {
    const { call, connect, start } = launch()
    await start()
    await call('openShards', { shards: [placedShard(0), placedShard(1)] })
    await appendTo(await connect(), 'a')
    const { counters, hot } = await call('shardLoads', null)
    expect([...counters]).toEqual([STREAM, 0, expect.any(Number), 1, STREAM, 1, 0, 0])
    expect(hot.size).toBe(0)
    const shard = { streamId: STREAM, shardIndex: 0 }
    expect(await call('balanceOf', shard)).toEqual({ startingHashKey: null })
    const sealing = { streamId: STREAM, shards: [{ shardIndex: 0, children: [2, 3] }] }
    const { extents } = await call('sealShards', sealing)
    expect(extents).toMatchObject([{ ...shard, tail: 1, closed: true }])
    expect((await call('shardLoads', null)).counters).toHaveLength(4)
    expect(await call('dropShards', { shards: [{ ...shard, ownerId: 0, slot: 1 }] })).toBeNull()
    await expect(call('sealShards', sealing)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('goes on serving shards when it is told to open them again', async () => {
    const { call, connect, start } = launch()
    await start()
    const connection = await connect()
    await appendTo(connection, 'a')
    await call('openShards', { shards: [placedShard(0)] })
    expect((await appendTo(connection, 'b')).results).toMatchObject([{ baseSequenceNumber: 1 }])
  })

  it('starts without the shards of a dropped stream that the catalog still lists, and serves the others', async () => {
    const other = { ...placedShard(0), streamId: STREAM + 1, slot: 9 }
    const first = launch()
    await first.start()
    await first.call('dropStream', { streamId: STREAM, shards: [{ ownerId: 0, slot: 1 }] })
    await first.call('drain', { deadlineMs: 1000 })
    const second = launch({ startOwner: () => Promise.resolve(first.owner.start()) })
    await second.call('start', {
      settings,
      shards: [placedShard(0), other],
      consumers: [],
      policy: openPolicyData,
    })
    expect(await second.call('describeShards', { streamId: STREAM, shardIndexes: [0, 1] })).toEqual({
      extents: [],
    })
    expect(
      (await second.call('describeShards', { streamId: STREAM + 1, shardIndexes: [0] })).extents,
    ).toHaveLength(1)
    await second.call('dropStream', { streamId: STREAM, shards: [{ ownerId: 0, slot: 1 }] })
  })

  it('goes on from the stored records when it is started again', async () => {
    const first = launch()
    await first.start()
    await appendTo(await first.connect(), 'a', 'b')
    await first.call('drain', { deadlineMs: 1000 })
    const second = launch({
      startOwner: () => Promise.resolve(first.owner.start()),
      openReader: () => first.reader,
    })
    await second.start()
    const connection = await second.connect()
    expect((await appendTo(connection, 'c')).results).toMatchObject([{ baseSequenceNumber: 2 }])
    const shards = [{ streamId: STREAM, shardIndex: 0, sequenceNumber: 0, bytesMax: 1000 }]
    const fetched = await connection.request('fetch', { shards, bytesMax: 1000, waitMs: 0 })
    expect(contents(fetched.shards[0]!.batches)).toEqual(['0:a', '1:b', '2:c'])
  })
})

describe('drain', () => {
  it('answers running requests, ends subscriptions, and closes everything', async () => {
    const { call, owner, reader, connect, start, broken } = launch()
    await start()
    const connection = await connect()
    const position = at('LATEST')
    const place = { streamId: STREAM, shardIndex: 0, position, consumer: undefined }
    await connection.request('subscribe', { ...place, creditBytes: 100 })
    let flush = (): void => {}
    owner.beforeFlush = () =>
      new Promise((resolve) => {
        flush = resolve
      })
    const append = appendTo(connection, 'a')
    await until(() => owner.groupSizes.length === 1)
    const drained = call('drain', { deadlineMs: 10_000 })
    await until(() => connection.events.length === 2)
    flush()
    expect((await append).results.map(codeOf)).toEqual(['stored'])
    await drained
    await connection.closed
    expect(connection.events.map(({ event }) => event).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'draining',
      'subscriptionEnded',
    ])
    const ended = connection.events.find((event) => event.event === 'subscriptionEnded')
    expect(ended?.body).toMatchObject({ code: errorCodes.unavailable.id })
    expect([owner.calls, owner.joined, reader.closed]).toEqual([['close'], true, true])
    expect(broken).toEqual([])
  })

  it('happens once, however often it is called', async () => {
    const { call, host, owner, start } = launch()
    await start()
    await Promise.all([call('drain', { deadlineMs: 100 }), host.drain(100), call('drain', { deadlineMs: 1 })])
    expect(owner.calls).toEqual(['close'])
  })

  it('waits for a running start, and closes what it opened', async () => {
    let startOwner: (() => void) | undefined
    const owner = new MemoryOwner(0)
    const { host, reader, start } = launch({
      startOwner: () =>
        new Promise((resolve) => {
          startOwner = () => resolve(owner.start())
        }),
    })
    const started = start()
    await until(() => startOwner !== undefined)
    const drained = host.drain(100)
    startOwner?.()
    await Promise.all([started, drained])
    expect([owner.calls, reader.closed]).toEqual([['close'], true])
  })

  it('does nothing for a host that never started', async () => {
    await launch().host.drain(100)
  })
})

describe('a failing host', () => {
  it('closes the started owners if one cannot be started, and rejects', async () => {
    const owner = new MemoryOwner(0)
    const { call, reader } = launch({
      startOwner: ({ ownerId }) =>
        ownerId === 0
          ? Promise.resolve(owner.start())
          : Promise.reject(new Error('that directory is locked')),
    })
    const owners = [0, 1].map((ownerId) => ({ ownerId, directory: `/nowhere/${ownerId}` }))
    await expect(
      call('start', { settings: { ...settings, owners }, shards: [], consumers: [], policy: openPolicyData }),
    ).rejects.toThrow(/is locked/)
    expect([owner.calls, reader.closed]).toEqual([['close'], true])
  })

  it('breaks once when an owner fails', async () => {
    const { owner, broken, start } = launch()
    await start()
    owner.kill()
    await until(() => broken.length > 0)
    expect(broken.map(String)).toEqual([expect.stringContaining('owner 0 ended')])
  })

  it('answers unavailable before it has started', async () => {
    const { call } = launch()
    for (const streamId of [1, 2]) {
      await expect(call('describeShards', { streamId, shardIndexes: [] })).rejects.toMatchObject({
        code: 'unavailable',
      })
    }
    await expect(call('metrics', null)).rejects.toMatchObject({ code: 'unavailable' })
  })
})
