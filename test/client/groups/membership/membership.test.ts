// Promises of a membership: when it joins, leaves and joins again, and what it holds meanwhile. Over the fake broker.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { driven, fakeTime, pass } from '../../support/drive.ts'
import { fill } from '../../support/fill.ts'
import { GroupTest, LEASE_MS, typesOf } from '../support/members.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

async function withGroup(
  options: ConstructorParameters<typeof GroupTest>[0],
  use: (test: GroupTest) => Promise<void>,
): Promise<void> {
  const test = new GroupTest(options)
  try {
    await use(test)
  } finally {
    await test.end()
  }
}

describe('a member', () => {
  it('leaves also where it is stopped while it joins, however far that is', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      for (let steps = 0; steps < 40; steps++) {
        const { group, running } = await test.join()
        for (let step = 0; step < steps; step++) await Promise.resolve()
        await driven(Promise.all([group.stop(), running]))
        await pass(10, 10)
        expect(test.groups.states.get('billing')?.members.size ?? 0).toBe(0)
      }
    })
  })

  it('while a call takes longer than it may, the member does not join again', async () => {
    await withGroup({ shards: 2 }, async (test) => {
      let resume = (): void => {}
      const hanging = (): Promise<void> => new Promise((resolve) => (resume = resolve))
      const first = await test.join({ handlerTimeoutMs: 12_000 }, hanging)
      const second = await test.join()
      const shardsOf = (memberId: string): number =>
        [...test.groups.state('billing').streams.get('clicks')!.leases.values()].filter(
          ({ owner, isRevoked }) => owner === memberId && !isRevoked,
        ).length
      await test.until(() => test.groups.states.has('billing') && shardsOf('m1') === 1)
      await pass(1000, 100)
      fill(test.broker, 0, [2])
      fill(test.broker, 1, [2])
      await test.until(() => shardsOf('m1') === 2)
      await test.until(() => second.handled.length === 4)
      await pass(3 * LEASE_MS, 100)
      expect(typesOf(first.events).filter((type) => type === 'joined')).toHaveLength(1)
      expect(shardsOf('m1')).toBe(2)
      resume()
      await test.until(() => typesOf(first.events).filter((type) => type === 'joined').length === 2)
      first.group.abort()
    })
  })

  it('a shard that it was to have next is not its own after its lease has ended', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      let resume = (): void => {}
      const first = await test.join({}, () => new Promise<void>((resolve) => (resume = resolve)))
      fill(test.broker, 0, [3])
      await pass(100, 10)
      const joined = (): number => typesOf(first.events).filter((type) => type === 'joined').length
      const silence = (operations: readonly string[]): void => {
        test.broker.disturb = ({ request, operation }) =>
          'memberId' in request && request.memberId === 'm0' && operations.includes(operation)
            ? 'hangs'
            : 'none'
      }
      silence(['renewMember', 'syncMember', 'joinGroup', 'saveCheckpoints'])
      await pass(2 * LEASE_MS, 100)
      silence([])
      await test.until(() => joined() === 2)
      await pass(1000, 100)
      silence(['renewMember', 'syncMember', 'joinGroup', 'saveCheckpoints'])
      const second = await test.join()
      await test.until(() => second.handled.length === 3)
      silence(['joinGroup'])
      await test.until(() => typesOf(first.events).filter((type) => type === 'expelled').length === 2)
      silence(['syncMember'])
      await test.until(() => joined() === 3)
      resume()
      fill(test.broker, 0, [3])
      await pass(1000, 100)
      expect(typesOf(first.events).filter((type) => type === 'assigned')).toHaveLength(1)
      first.group.abort()
      resume()
    })
  })

  it('says of a shard that waits for a call under an earlier lease that its handler is at work', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      const { group, events } = await test.join({}, () => new Promise<void>(() => {}))
      fill(test.broker, 0, [3])
      await pass(100, 10)
      test.broker.disturb = (message) => ('memberId' in message.request ? 'hangs' : 'none')
      await pass(2 * LEASE_MS, 100)
      test.broker.disturb = () => 'none'
      await test.until(() => typesOf(events).filter((type) => type === 'joined').length === 2)
      const lease = () => test.groups.states.get('billing')?.streams.get('clicks')?.leases.get(0)
      await test.until(() => lease()?.owner === 'm0')
      const { epoch } = lease()!
      await test.until(() => lease()?.report !== undefined)
      expect(lease()).toMatchObject({ epoch, report: { state: 'handling' } })
      expect(lease()!.report!.since).toBeLessThan(performance.now() - LEASE_MS)
      group.abort()
    })
  })
})
