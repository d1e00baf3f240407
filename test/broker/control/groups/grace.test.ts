// Processes that are started together: none of them is given shards for the others.
import { describe, expect, it } from 'vitest'
import { GroupBroker, LEASE_MS } from './support/group-controller.ts'

const open = (): Promise<GroupBroker> => GroupBroker.open(6, { groupGraceMs: 500 })

const reasonOf = async (broker: GroupBroker): Promise<string> =>
  (await broker.test.ask('describeGroup', { group: 'g', limit: 1 })).shards[0]!.detail

describe('an empty group', () => {
  it('shares its shards among all that join within the grace, without a move', async () => {
    const broker = await open()
    const members = ['a', 'b', 'c'].map((name) => broker.member(name))
    for (const member of members) {
      await member.join()
      await broker.time.advance(100)
      expect(await member.sync()).toEqual([])
    }
    expect(await reasonOf(broker)).toMatch(/assigned in \d+ ms/)
    await broker.time.advance(500)
    for (const member of members) expect(await member.sync()).toHaveLength(2)
    expect(await broker.test.controller.scrape()).toMatch(/^millrace_group_moves_total 0$/m)
  })

  it('gives a lone member all of them within a second, and wakes it', async () => {
    const broker = await open()
    const a = broker.member('a')
    await a.join()
    await a.sync()
    const { version } = a
    const waiting = a.ask('syncMember', { version, waitMs: 30_000, reports: [], released: [] })
    await broker.time.advance(999)
    a.take(await waiting)
    expect(a.leases).toHaveLength(6)
  })

  it('waits no longer because others join later, or leave', async () => {
    const broker = await open()
    const [a, b] = [broker.member('a'), broker.member('b')]
    await a.join()
    await broker.time.advance(400)
    await b.join()
    await b.ask('leaveGroup', {})
    await broker.time.advance(350)
    expect(await a.sync()).toHaveLength(6)
  })
})

describe('a group with members', () => {
  it('gives the shards of one whose lease ends to the others without a grace', async () => {
    const broker = await open()
    const [a, b] = [broker.member('a'), broker.member('b')]
    await a.join()
    await b.join()
    await broker.time.advance(750)
    expect(await b.sync()).toHaveLength(3)
    for (let ms = 0; ms < LEASE_MS + 250; ms += 250) {
      await broker.time.advance(250)
      await b.ask('renewMember', {})
    }
    expect(await b.sync()).toHaveLength(6)
  })

  it('has no grace after a restart of the broker, which keeps its members', async () => {
    const broker = await open()
    const [a, b] = [broker.member('a'), broker.member('b')]
    await a.join()
    await broker.time.advance(750)
    expect(await a.sync()).toHaveLength(6)
    await broker.restart()
    await a.sync()
    await b.join()
    expect((await a.sync()).filter((lease) => lease.endsWith('!'))).toHaveLength(3)
  })
})
