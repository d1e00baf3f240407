// What an operator can alert on: for each group the worst of its shards, as it is at the moment of the scrape.
import { describe, expect, it } from 'vitest'
import type { BacklogRequest } from '../../../../broker/host-contract.ts'
import { createTelemetry } from '../../../../broker/telemetry/instruments.ts'
import { measureGroups } from '../../../../broker/control/groups/group-gauges.ts'
import type { HostQuestions } from '../../../../broker/control/groups/host-questions.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'
import { GroupBroker } from './support/group-controller.ts'
import { GroupsOnRows } from './support/groups-on-rows.ts'

/** The values of a gauge, by group. */
async function valuesOf(broker: GroupBroker, name: string): Promise<Record<string, number>> {
  const text = await broker.test.controller.scrape()
  const lines = [...text.matchAll(new RegExp(`^millrace_group_${name}\\{group="([^"]*)"\\} (.*)$`, 'gm'))]
  return Object.fromEntries(lines.map(([, group, value]) => [group!, Number(value)]))
}

async function twoGroups(): Promise<GroupBroker> {
  const broker = await GroupBroker.open(2)
  const describeShards = broker.hosts.behaviour(0)
  const backlogs = ({ shards }: { shards: readonly BacklogRequest[] }) => ({
    backlogs: shards.map(({ next, shardIndex }, place) => {
      const tail = broker.hosts.disk.get(broker.hosts.slots.get(`1/${shardIndex}`)!)!.tail
      return { place, records: tail - (next ?? 0), bytes: 1, oldestArrival: broker.time.now() - 4_000 }
    }),
  })
  broker.hosts.behaviour = () => ({ ...describeShards, backlogs })
  await broker.restart()
  await broker.append(0, 10)
  await broker.append(1, 30)
  for (const [group, next] of [
    ['g', 10],
    ['h', 4],
  ] as const) {
    const member = broker.member('a', group)
    await member.join()
    await member.sync()
    await member.save(0, next)
    await member.save(1, group === 'g' ? 30 : 5)
  }
  return broker
}

describe('gauges of groups', () => {
  it('tell the worst shard of each group, also where groups read the same shards', async () => {
    const broker = await twoGroups()
    expect(await valuesOf(broker, 'lag_records')).toEqual({ g: 0, h: 25 })
    expect(await valuesOf(broker, 'lag_seconds')).toEqual({ g: 0, h: 4 })
    expect(await valuesOf(broker, 'members')).toEqual({ g: 1, h: 1 })
  })

  it('tell shards that no member has, and that stand still, and nothing of groups that are deleted', async () => {
    const broker = await twoGroups()
    const a = broker.member('a', 'h')
    await a.sync()
    const report = { recordsPerSecond: 0, bytesPerSecond: 0, state: 'blocked', since: 0, sequenceNumber: 4 }
    await a.sync({ reports: [{ ...a.leases[0]!, ...report, detail: 'no' } as never] })
    expect(await valuesOf(broker, 'blocked_shards')).toEqual({ g: 0, h: 1 })
    await broker.member('a', 'g').ask('leaveGroup', {})
    expect(await valuesOf(broker, 'unowned_shards')).toEqual({ g: 2, h: 0 })
    await broker.test.ask('deleteGroup', { group: 'g', isForced: false })
    expect(await valuesOf(broker, 'unowned_shards')).toEqual({ h: 0 })
  })

  it('name a bounded number of groups, and lose none of the others', async () => {
    const on = new GroupsOnRows(new MemorySmallRows().open(), { shardCount: 1 })
    await Promise.all(
      Array.from({ length: 503 }, (_, place) => on.join(`g${String(place).padStart(3, '0')}`, 'a')),
    )
    const { instruments, collect } = createTelemetry('controller', { withProcess: false })
    const hosts = { tailsOf: () => Promise.resolve([]), backlogsOf: () => Promise.resolve([]) }
    const parts = {
      instruments,
      catalog: on.catalog.state,
      hosts: hosts as unknown as HostQuestions,
      wall: 0,
    }
    await measureGroups(on.groups.states, parts)
    const metrics = (await collect()) as {
      name: string
      values: { labels: { group: string }; value: number }[]
    }[]
    const { values } = metrics.find(({ name }) => name === 'millrace_group_members')!
    expect(values).toHaveLength(501)
    expect(values.at(-1)).toMatchObject({ labels: { group: '(others)' }, value: 3 })
    on.groups.stop()
  })
})
