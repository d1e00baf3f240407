// A group of several streams of which one is deleted, and made again: the group goes on, says so, and loses nothing.
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { GroupBroker, LEASE_MS, type TestMember } from './support/group-controller.ts'

const both = (type: string): object => ({
  streams: ['s', 't'].map((name) => ({
    name,
    from: { type, sequenceNumber: undefined, timestamp: undefined },
  })),
})

async function onBoth(): Promise<GroupBroker> {
  const broker = await GroupBroker.open(1)
  await broker.test.ask('createStream', { name: 't', shardCount: 2 })
  return broker
}

async function places(member: TestMember): Promise<readonly string[]> {
  await member.sync()
  return member.leases.map(({ streamName, shardIndex }) => `${streamName}/${shardIndex}`)
}

const codeOf = (error: unknown): string => (MillraceError.is(error) ? error.code : String(error))

async function goneOf(broker: GroupBroker): Promise<readonly string[]> {
  const { group } = await broker.test.ask('describeGroup', { group: 'g', limit: 10 })
  return group.goneStreams.map(({ name }) => name)
}

describe('a group of two streams, of which one is deleted', () => {
  it('takes new members, and those that come back, and goes on with the other, also after a restart', async () => {
    const broker = await onBoth()
    const [a, b, c] = [broker.member('a'), broker.member('b'), broker.member('c')]
    await a.join(undefined, both('TRIM_HORIZON'))
    expect(await places(a)).toEqual(['s/0', 't/0', 't/1'])
    await broker.test.ask('deleteStream', { name: 't' })
    await b.join(undefined, both('TRIM_HORIZON'))
    expect(await places(a)).toEqual(['s/0'])
    expect(await goneOf(broker)).toEqual(['t'])
    await broker.time.advance(2 * LEASE_MS)
    await broker.restart()
    await a.join(undefined, both('LATEST'))
    await c.join(undefined, both('LATEST'))
    expect([...(await places(a)), ...(await places(c))]).toEqual(['s/0'])
    expect(await goneOf(broker)).toEqual(['t'])
  })

  it('reads the one that is made again from its first record on, whatever its members wish, and names it', async () => {
    const broker = await onBoth()
    const a = broker.member('a')
    await a.join(undefined, both('LATEST'))
    const before = await a.ask('syncMember', { version: 0, waitMs: 0, reports: [], released: [] })
    expect(before.streams.map(({ streamId }) => streamId)).toEqual([expect.any(Number), expect.any(Number)])
    await broker.test.ask('deleteStream', { name: 't' })
    await broker.time.advance(1_000)
    const between = await a.ask('syncMember', { version: 0, waitMs: 0, reports: [], released: [] })
    expect(between.streams).toEqual([before.streams[0], { name: 't', streamId: undefined }])
    await broker.time.advance(LEASE_MS)
    await broker.test.ask('createStream', { name: 't', shardCount: 1 })
    await a.join(undefined, both('LATEST'))
    await a.sync()
    const lease = a.leases.find(({ streamName }) => streamName === 't')
    expect(lease).toMatchObject({ next: undefined, from: { type: 'TRIM_HORIZON' } })
    expect(lease!.streamId).toBeGreaterThan(before.streams[1]!.streamId!)
    expect(await goneOf(broker)).toEqual([])
  })

  it('reads the one that is made again also where a member is heard first', async () => {
    const broker = await onBoth()
    const a = broker.member('a')
    await a.join(undefined, both('TRIM_HORIZON'))
    await a.sync()
    await broker.test.ask('deleteStream', { name: 't' })
    await a.ask('renewMember', {})
    await broker.test.ask('createStream', { name: 't', shardCount: 1 })
    await a.ask('renewMember', {})
    await broker.time.advance(LEASE_MS / 10)
    expect(await places(a)).toEqual(['s/0', 't/0'])
    expect(await goneOf(broker)).toEqual([])
  })

  it('still refuses a stream that it has never read, and members that would have nothing to read', async () => {
    const broker = await onBoth()
    const [a, b] = [broker.member('a'), broker.member('b')]
    await a.join(undefined, both('TRIM_HORIZON'))
    const [s, t] = (both('TRIM_HORIZON') as { streams: { name: string }[] }).streams
    const misspelt = { streams: [s, { ...t, name: 'tt' }] } as object
    expect(await b.join(undefined, misspelt).catch(codeOf)).toBe('streamNotFound')
    await broker.test.ask('deleteStream', { name: 't' })
    expect(await b.join(undefined, { streams: [t] } as object).catch(codeOf)).toBe('streamNotFound')
    expect(await b.join(undefined, { streams: [s] } as object)).toMatchObject({ leaseMs: LEASE_MS })
  })

  it('wakes the members that wait, although they had no shard of it', async () => {
    const broker = await onBoth()
    const members = ['a', 'b', 'c', 'd'].map((name) => broker.member(name))
    for (const member of members) await member.join(undefined, both('TRIM_HORIZON'))
    for (const member of [...members, ...members]) await member.release()
    const idle = members.find(({ leases }) => leases.length === 0)!
    const { version } = idle
    const waiting = idle.ask('syncMember', { version, waitMs: 30_000, reports: [], released: [] })
    await broker.test.ask('deleteStream', { name: 't' })
    await broker.time.advance(1_000)
    const { streams } = await waiting
    expect(streams.filter(({ streamId }) => streamId === undefined).map(({ name }) => name)).toEqual(['t'])
  })
})
