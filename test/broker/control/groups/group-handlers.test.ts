// Groups as their members see them: over the handlers, with rows in memory and a clock that the test moves.
import { describe, expect, it } from 'vitest'
import { errorCodes } from '../../../../protocol/error-codes.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { settled } from '../support/fake-time.ts'
import { split } from '../support/changing.ts'
import { GroupBroker, LEASE_MS } from './support/group-controller.ts'

const codeOf = (error: unknown): string => (MillraceError.is(error) ? error.code : String(error))

/** Opens a broker with two members of g that share its two shards. */
async function shared(): Promise<{
  readonly broker: GroupBroker
  readonly a: ReturnType<GroupBroker['member']>
  readonly b: ReturnType<GroupBroker['member']>
}> {
  const broker = await GroupBroker.open(2)
  const [a, b] = [broker.member('a'), broker.member('b')]
  await a.join()
  await a.sync()
  await b.join()
  await a.sync()
  await a.release()
  expect(await a.sync()).toHaveLength(1)
  expect(await b.sync()).toHaveLength(1)
  return { broker, a, b }
}

describe('a member', () => {
  it('gets all shards alone, and shares them with one that joins, by a hand-over', async () => {
    const broker = await GroupBroker.open(2)
    const [a, b] = [broker.member('a'), broker.member('b')]
    await a.join()
    const [first, second] = await a.sync()
    expect([first, second].map((lease) => lease?.split('@')[0])).toEqual(['0', '1'])
    await b.join()
    expect(await b.sync()).toEqual([])
    const revoked = (await a.sync()).filter((lease) => lease.endsWith('!'))
    expect(revoked).toHaveLength(1)
    await a.release()
    expect(await a.sync()).toHaveLength(1)
    const [given] = await b.sync()
    expect(given).not.toBe(revoked[0]!.slice(0, -1))
    expect(given!.split('@')[0]).toBe(revoked[0]!.split('@')[0])
  })

  it('that is not heard of loses its shards when its lease ends, and is told so', async () => {
    const { broker, a, b } = await shared()
    const waiting = b.ask('syncMember', { version: b.version, waitMs: 30_000, reports: [], released: [] })
    for (let ms = 0; ms < LEASE_MS; ms += 1_000) {
      expect(await b.outcome('renewMember')).toBe('done')
      await broker.time.advance(1_000)
    }
    b.take(await waiting)
    expect(b.leases.map(({ shardIndex }) => shardIndex)).toEqual([0, 1])
    expect(await a.outcome('renewMember')).toBe('memberNotFound')
    expect(await a.outcome('saveCheckpoints', { checkpoints: [] })).toBe('memberNotFound')
    const metrics = await broker.test.controller.scrape()
    expect(metrics).toMatch(/^millrace_group_members_expired_total 1$/m)
    expect(metrics).toMatch(/^millrace_group_members\{group="g"\} 1$/m)
  })

  it('keeps its lease by any request in its name', async () => {
    const { broker, a } = await shared()
    for (const operation of ['renewMember', 'saveCheckpoints', 'renewMember'] as const) {
      await broker.time.advance(LEASE_MS - 1_000)
      expect(await a.outcome(operation, { checkpoints: [] })).toBe('done')
    }
    await broker.time.advance(LEASE_MS - 1_000)
    expect(await a.sync()).toHaveLength(2)
  })

  it('that leaves gives its shards up at once', async () => {
    const { a, b } = await shared()
    await a.ask('leaveGroup', {})
    expect((await b.sync()).map((lease) => lease.split('@')[0])).toEqual(['0', '1'])
    expect(await a.outcome('leaveGroup')).toBe('done')
    expect(await a.outcome('syncMember', { version: 0, waitMs: 0, reports: [], released: [] })).toBe(
      'memberNotFound',
    )
  })

  it('waits for a change until it comes, or until its time is over', async () => {
    const broker = await GroupBroker.open(1)
    const [a, b] = [broker.member('a'), broker.member('b')]
    await a.join()
    await a.sync()
    const request = { version: a.version, waitMs: 5_000, reports: [], released: [] }
    const first = a.ask('syncMember', request)
    await broker.time.advance(5_000)
    expect(await first).toEqual({ version: a.version, isPaused: false, leases: [], streams: [] })
    const second = a.ask('syncMember', request)
    await b.join()
    await broker.test.ask('pauseGroup', { group: 'g', isPaused: true })
    const { version, isPaused } = await second
    expect([version > a.version, isPaused]).toEqual([true, true])
    const third = a.ask('syncMember', { ...request, version })
    broker.test.controller.endWaits()
    expect((await third).version).toBe(version)
  })

  it('is refused under the name of another process until that one is gone', async () => {
    const broker = await GroupBroker.open(1)
    const [a, other] = [broker.member('a'), broker.member('a', 'g', 'x')]
    await a.join()
    const refused = await other.join().catch((error: unknown) => error as MillraceError)
    expect(refused).toMatchObject({ code: 'memberExists', retryAfterMs: LEASE_MS })
    expect(await a.outcome('joinGroup', { streams: [], leaseMs: 1 })).toBe('invalidArgument')
    await a.join()
    await broker.time.advance(LEASE_MS)
    expect(await other.join()).toMatchObject({ leaseMs: LEASE_MS })
    expect(await a.outcome('renewMember')).toBe('memberNotFound')
  })

  it('gets a lease within the bounds of the broker, and is refused what makes no sense', async () => {
    const broker = await GroupBroker.open(1)
    const a = broker.member('a')
    expect(await a.join({ type: 'TRIM_HORIZON' }, { leaseMs: 1 })).toMatchObject({ leaseMs: 1_000 })
    expect(await a.join({ type: 'TRIM_HORIZON' }, { leaseMs: 10_000_000 })).toMatchObject({
      leaseMs: 300_000,
    })
    const refusals = await Promise.all(
      [
        a.join({ type: 'AT_SEQUENCE_NUMBER', sequenceNumber: 5 }),
        a.join({ type: 'AT_TIMESTAMP' }),
        a.join({ type: 'TRIM_HORIZON', timestamp: 5 }),
        a.join({ type: 'TRIM_HORIZON' }, { streams: [{ name: 'no', from: { type: 'LATEST' } as never }] }),
        broker.member('a', 'no/slash').join(),
        broker.member('').join(),
      ].map((asked) => asked.then(() => 'done', codeOf)),
    )
    const invalid = 'invalidArgument'
    expect(refusals).toEqual([invalid, invalid, invalid, 'streamNotFound', invalid, invalid])
  })
})

describe('a restart of the controller', () => {
  it('keeps every lease in its epoch, and gives each member a full one', async () => {
    const { broker, a, b } = await shared()
    const [leasesOfA, leasesOfB] = [await a.sync(), await b.sync()]
    await broker.append(a.leases[0]!.shardIndex, 7)
    expect(await a.save(a.leases[0]!.shardIndex, 7)).toBe(0)
    await broker.time.advance(LEASE_MS - 1_000)
    await broker.restart()
    await broker.time.advance(LEASE_MS - 1_000)
    expect(await a.sync()).toEqual(leasesOfA)
    expect(await b.sync()).toEqual(leasesOfB)
    expect(a.leases[0]!.next).toBe(7)
    await broker.time.advance(LEASE_MS)
    expect(await a.outcome('renewMember')).toBe('memberNotFound')
  })

  it('tells a member of what has changed although it knows a version of the same number', async () => {
    const broker = await GroupBroker.open(1)
    const a = broker.member('a')
    await a.join()
    await a.sync()
    await broker.restart()
    const before = a.version
    const { version, leases } = await a.ask('syncMember', {
      version: 1,
      waitMs: 0,
      reports: [],
      released: [],
    })
    expect(version).not.toBe(1)
    expect(leases).toHaveLength(1)
    expect(before).toBeGreaterThan(0)
  })
})

describe('a checkpoint', () => {
  it('is stored before it is answered, and read after a restart', async () => {
    const { broker, a } = await shared()
    const { shardIndex } = a.leases[0]!
    await broker.append(shardIndex, 100)
    let flush = (): void => {}
    broker.smallRows.beforeFlush = () =>
      new Promise<void>((resolve) => {
        flush = resolve
      })
    let isAnswered = false
    const saved = a.save(shardIndex, 50).then((code) => {
      isAnswered = true
      return code
    })
    await settled()
    expect(isAnswered).toBe(false)
    expect(await a.outcome('renewMember')).toBe('done')
    flush()
    expect(await saved).toBe(0)
    broker.smallRows.beforeFlush = () => Promise.resolve()
    await broker.restart()
    await a.sync()
    expect(a.leases[0]).toMatchObject({ shardIndex, next: 50 })
  })

  it('is refused backwards, beyond the tail, in another epoch, and from another member', async () => {
    const { broker, a, b } = await shared()
    const { shardIndex, epoch } = a.leases[0]!
    await broker.append(shardIndex, 10)
    expect(await a.save(shardIndex, 10)).toBe(0)
    expect(await a.save(shardIndex, 10)).toBe(0)
    const { invalidCheckpoint, leaseLost } = errorCodes
    expect(await a.save(shardIndex, 9)).toBe(invalidCheckpoint.id)
    expect(await a.save(shardIndex, 11)).toBe(invalidCheckpoint.id)
    expect(await a.save(shardIndex, 10, { isEnd: true })).toBe(invalidCheckpoint.id)
    expect(await a.save(shardIndex, 10, { epoch: epoch - 1 })).toBe(leaseLost.id)
    expect(await b.save(shardIndex, 10, { streamId: await broker.streamId(), epoch })).toBe(leaseLost.id)
    const twice = { streamId: 1, shardIndex, epoch, next: 10, isEnd: false }
    expect(await a.outcome('saveCheckpoints', { checkpoints: [twice, twice] })).toBe('invalidArgument')
  })

  it('is refused as unavailable while the host that knows the tail is down, unless it lies below a tail that was seen', async () => {
    const { broker, a } = await shared()
    const { shardIndex } = a.leases[0]!
    await broker.append(shardIndex, 10)
    expect(await a.save(shardIndex, 5)).toBe(0)
    await broker.append(shardIndex, 20)
    broker.hosts.host(1).crash()
    await settled()
    expect(await a.save(shardIndex, 10)).toBe(0)
    expect(await a.save(shardIndex, 20)).toBe(errorCodes.unavailable.id)
  })

  it('on a full disk is refused, and leases hold', async () => {
    const { broker, a } = await shared()
    const { shardIndex } = a.leases[0]!
    await broker.append(shardIndex, 10)
    broker.smallRows.isFull = true
    expect(await a.save(shardIndex, 5).catch(codeOf)).toBe('storageFull')
    expect(await a.outcome('renewMember')).toBe('done')
    expect(await a.outcome('leaveGroup')).toBe('unavailable')
    broker.smallRows.isFull = false
    expect(await a.save(shardIndex, 4)).toBe(0)
  })
})

describe('shards that were split', () => {
  it('are read to their end before their children, which are there at once then', async () => {
    const broker = await GroupBroker.open(1)
    const a = broker.member('a')
    await a.join()
    await a.sync()
    await broker.append(0, 10)
    await broker.test.ask('splitShard', split(0, '8'))
    expect(await a.sync()).toHaveLength(1)
    expect(await a.save(0, 9, { isEnd: true })).toBe(errorCodes.invalidCheckpoint.id)
    const [lease] = a.leases
    expect(await a.save(0, 10, { isEnd: true })).toBe(0)
    expect((await a.sync()).map((each) => each.split('@')[0])).toEqual(['1', '2'])
    a.leases = [lease!]
    expect(await a.save(0, 10, { isEnd: true })).toBe(0)
  })
})

describe('LATEST', () => {
  it('is where the shards were when the group first asked, also after a restart', async () => {
    const broker = await GroupBroker.open(2)
    await broker.append(0, 5)
    const a = broker.member('a')
    await a.join({ type: 'LATEST' })
    await broker.append(0, 50)
    await broker.restart()
    await a.sync()
    expect(a.leases.map(({ next }) => next)).toEqual([5, 0])
    await broker.member('b').join({ type: 'LATEST' })
    await a.sync()
    expect(a.leases.map(({ next }) => next)).toEqual([5, 0])
  })

  it('is refused while a host does not say where its shards are, and nothing is made', async () => {
    const broker = await GroupBroker.open(1)
    broker.hostsAnswer = false
    expect(await broker.member('a').join({ type: 'LATEST' }).catch(codeOf)).toBe('unavailable')
    expect((await broker.test.ask('listGroups', { limit: 10 })).groups).toEqual([])
  })
})

describe('a stream that is deleted and created again', () => {
  it('is another one: what was known of the old one counts for nothing', async () => {
    const broker = await GroupBroker.open(1)
    const a = broker.member('a')
    await a.join({ type: 'LATEST' })
    await a.sync()
    await broker.append(0, 10)
    expect(await a.save(0, 10)).toBe(0)
    const [old] = a.leases
    await broker.test.ask('deleteStream', { name: 's' })
    await broker.time.advance(1_000)
    expect(await a.sync()).toEqual([])
    await broker.test.ask('createStream', { name: 's', shardCount: 2 })
    await broker.time.advance(1_000)
    await a.sync()
    expect(a.leases.map(({ next, from }) => [next, from.type])).toEqual([
      [undefined, 'TRIM_HORIZON'],
      [undefined, 'TRIM_HORIZON'],
    ])
    a.leases = [old!]
    expect(await a.save(0, 10)).toBe(errorCodes.leaseLost.id)
  })
})

describe('operators', () => {
  it('reset and delete a group without members; with members, if they force it: these are fenced', async () => {
    const { broker, a } = await shared()
    const { shardIndex } = a.leases[0]!
    await broker.append(shardIndex, 10)
    expect(await a.save(shardIndex, 10)).toBe(0)
    const reset = { group: 'g', stream: 's', to: { type: 'TRIM_HORIZON' } as never }
    expect(await broker.test.outcome('resetGroup', { ...reset, isForced: false })).toBe('groupInUse')
    const { progress } = await broker.test.ask('resetGroup', { ...reset, isForced: true })
    expect(progress.shards.map(({ next }) => next)).toEqual([undefined, undefined])
    expect(await a.save(shardIndex, 10)).toBe(errorCodes.leaseLost.id)
    expect(await broker.test.outcome('deleteGroup', { group: 'g', isForced: false })).toBe('groupInUse')
    await broker.test.ask('deleteGroup', { group: 'g', isForced: true })
    expect(await a.outcome('renewMember')).toBe('memberNotFound')
    await broker.time.advance(1_000)
    expect(await broker.test.outcome('describeGroup', { group: 'g', limit: 10 })).toBe('groupNotFound')
    expect(broker.smallRows.open().list('lease', { limit: 100 })).toEqual([])
    expect(broker.smallRows.open().list('group', { limit: 100 })).toEqual([])
  })

  it('see groups in pages, and each shard with its member and the reason why it stands where it stands', async () => {
    const { broker, a } = await shared()
    for (const group of ['f', 'h']) await broker.member('a', group).join()
    const first = await broker.test.ask('listGroups', { limit: 2 })
    expect([first.groups.map(({ name }) => name), first.hasMore]).toEqual([['f', 'g'], true])
    const rest = await broker.test.ask('listGroups', { limit: 2, exclusiveStartName: 'g' })
    expect([rest.groups.map(({ name }) => name), rest.hasMore]).toEqual([['h'], false])
    const { group, members, shards } = await broker.test.ask('describeGroup', { group: 'g', limit: 1 })
    expect(group).toMatchObject({ name: 'g', streams: ['s'], members: 2, shards: 2, isPaused: false })
    expect(members.map(({ memberId, address, shards: count }) => [memberId, address, count])).toEqual([
      ['a', '127.0.0.1:5', 1],
      ['b', '127.0.0.1:5', 1],
    ])
    expect(shards).toHaveLength(1)
    expect(shards[0]).toMatchObject({ streamName: 's', shardIndex: 0, reason: 'unreachable' })
    await a.ask('leaveGroup', {})
  })
})

describe('progress without members', () => {
  it('is saved whole, then in parts, forward only, and lives on in a group', async () => {
    const broker = await GroupBroker.open(2)
    await broker.append(0, 10)
    const streamId = await broker.streamId()
    const at = { group: 'r', stream: 's' }
    expect(await broker.test.ask('loadProgress', at)).toEqual({ progress: undefined })
    const save = (
      isPartial: boolean,
      shards: { shardIndex: number; next: number | undefined }[],
      more: object = {},
    ) =>
      broker.test.outcome('saveProgress', {
        ...at,
        isPartial,
        progress: { streamId, shardsBelow: 2, shards, from: undefined, ...more },
      })
    const [zero, one] = [
      { shardIndex: 0, next: 4 },
      { shardIndex: 1, next: undefined },
    ]
    expect(await save(true, [zero])).toBe('invalidCheckpoint')
    expect(await save(false, [zero])).toBe('invalidCheckpoint')
    expect(await save(false, [zero, one])).toBe('done')
    expect(await save(true, [{ shardIndex: 0, next: 8 }])).toBe('done')
    expect(await save(true, [{ shardIndex: 0, next: 7 }])).toBe('invalidCheckpoint')
    expect(await save(true, [{ shardIndex: 0, next: 11 }])).toBe('invalidCheckpoint')
    expect(await save(true, [{ shardIndex: 0, next: 8 }], { streamId: 99 })).toBe('invalidCheckpoint')
    await broker.restart()
    const { progress } = await broker.test.ask('loadProgress', at)
    expect(progress).toMatchObject({ shardsBelow: 2, shards: [{ shardIndex: 0, next: 8 }, one] })
    const a = broker.member('a', 'r')
    await a.join()
    await a.sync()
    expect(a.leases.map(({ next }) => next)).toEqual([8, undefined])
    expect(await save(true, [{ shardIndex: 0, next: 9 }])).toBe('groupInUse')
  })
})
