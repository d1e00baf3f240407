// Consumer groups on the fake broker: who handles what, in which order, and what is checkpointed.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rejectionOf } from '../../support/rejection.ts'
import { driven, fakeTime, pass } from '../support/drive.ts'
import { fill } from '../support/fill.ts'
import { GroupTest, LEASE_MS, typesOf, valueOf } from './support/members.ts'

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

const ofShard = (values: readonly string[], shard: number): string[] =>
  values.filter((value) => value.startsWith(`${shard}:`))

describe.each(['pull', 'push'] as const)('a group (%s)', (mode) => {
  it('one member handles every record once, in order within a shard, and checkpoints all of it', async () => {
    await withGroup({ shards: 3, hosts: 2 }, async (test) => {
      const expected = [0, 1, 2].map((shard) => fill(test.broker, shard, [3, 4, 1]))
      const { group, running, handled } = await test.join({ mode })
      await test.until(() => handled.length === 24)
      expected[1]!.push(...fill(test.broker, 1, [2]))
      await test.until(() => handled.length === 26)
      for (const shard of [0, 1, 2]) expect(ofShard(handled, shard)).toEqual(expected[shard])
      await driven(group.stop())
      await driven(running)
      expect([0, 1, 2].map((shard) => test.position(shard))).toEqual([8, 10, 8])
    })
  })

  it('members share the shards, and a planned hand-over delivers nothing twice', async () => {
    await withGroup({ shards: 4 }, async (test) => {
      const first = await test.join({ mode })
      const expected = [0, 1, 2, 3].flatMap((shard) => fill(test.broker, shard, [5]))
      await test.until(() => first.handled.length === 20)
      const second = await test.join({ mode })
      await test.until(() => typesOf(second.events).filter((type) => type === 'assigned').length === 2)
      expected.push(...[0, 1, 2, 3].flatMap((shard) => fill(test.broker, shard, [5])))
      await test.until(() => test.handled.length === 40)
      await driven(first.group.stop())
      expected.push(...[0, 1, 2, 3].flatMap((shard) => fill(test.broker, shard, [5])))
      await test.until(() => test.handled.length >= 60)
      expect(test.handled.toSorted()).toEqual(expected.toSorted())
      expect(second.handled.length).toBeGreaterThanOrEqual(30)
    })
  })

  it('a member that crashes is replaced after its lease, from its last checkpoint', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [4])
      let isHanging = false
      const first = await test.join({ mode }, async () => {
        if (isHanging) await new Promise(() => {})
      })
      await test.until(() => test.position(0) === 4)
      isHanging = true
      fill(test.broker, 0, [4])
      await pass(200, 10)
      // It says no more from now on.
      test.broker.disturb = (message) =>
        'memberId' in message.request && message.request.memberId === 'm0' ? 'hangs' : 'none'
      const second = await test.join({ mode })
      await test.until(() => second.handled.length === 4)
      expect(second.handled).toEqual(['0:4', '0:5', '0:6', '0:7'])
      expect(first.handled).toHaveLength(4)
      test.broker.disturb = () => 'none'
      first.group.abort()
    })
  })

  it('a member of a group that is deleted ends with groupNotFound, and does not make it again', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [4])
      const { running, client, events } = await test.join({ mode })
      const ending = rejectionOf(running)
      await test.until(() => test.position(0) === 4)
      await driven(client.deleteGroup('billing', { force: true }))
      expect(await driven(ending)).toMatchObject({ code: 'groupNotFound' })
      expect(test.groups.states.get('billing')).toBeUndefined()
      expect(typesOf(events).slice(-2)).toEqual(['lost', 'expelled'])
      // Another program may make a group of this name.
      const second = await test.join({ mode })
      await test.until(() => second.handled.length === 4)
    })
  })

  it('a member is told of a stream that is gone, and of one that was made again, and reads it whole', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [4])
      const { events } = await test.join({ mode })
      await test.until(() => test.position(0) === 4)
      test.broker.exists = false
      await test.until(() => typesOf(events).includes('streamGone'))
      test.broker.exists = true
      await pass(100, 10)
      expect(typesOf(events).filter((type) => type.startsWith('stream'))).toEqual(['streamGone'])
    })
  })

  it('children are handled after their parents are processed to their end, by whichever member', async () => {
    await withGroup({ shards: 2 }, async (test) => {
      const expected = [...fill(test.broker, 0, [30]), ...fill(test.broker, 1, [30])]
      const slow = async (): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await test.join({ mode, batchRecordsMax: 5 }, slow)
      await test.join({ mode, batchRecordsMax: 5 }, slow)
      test.broker.split(0)
      test.broker.merge(1, 3)
      expected.push(...[2, 4].flatMap((shard) => fill(test.broker, shard, [10])))
      await test.until(() => test.handled.length >= expected.length)
      expect(test.handled.toSorted()).toEqual(expected.toSorted())
      const firstOf = (shard: number): number =>
        test.handled.findIndex((value) => value.startsWith(`${shard}:`))
      const lastOf = (shard: number): number =>
        test.handled.findLastIndex((value) => value.startsWith(`${shard}:`))
      expect(firstOf(2)).toBeGreaterThan(lastOf(0))
      expect(firstOf(4)).toBeGreaterThan(lastOf(1))
      await test.until(() => test.groups.stored.filter(({ isEnd }) => isEnd).length === 3)
      const told = (): string[] => typesOf(test.members.flatMap(({ events }) => events))
      await test.until(() => told().filter((type) => type === 'ended').length === 3)
      expect(told()).not.toContain('lost')
    })
  })
})

describe('a group', () => {
  it('a slow shard stops no other one', async () => {
    await withGroup({ shards: 2 }, async (test) => {
      fill(test.broker, 0, [5])
      fill(test.broker, 1, [5])
      const release: (() => void)[] = []
      const { handled } = await test.join({}, async (_, { shardId }) => {
        if (shardId.endsWith('0')) await new Promise<void>((resolve) => release.push(resolve))
      })
      await test.until(() => ofShard(handled, 1).length === 5)
      fill(test.broker, 1, [100, 100])
      await test.until(() => ofShard(handled, 1).length === 205)
      expect(ofShard(handled, 0)).toEqual([])
      for (const go of release) go()
    })
  })

  it('stop finishes the call that is under way, checkpoints it, and leaves', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [5])
      let go = (): void => {}
      const { group, running, handled } = await test.join({ batchRecordsMax: 2 }, () => {
        return new Promise<void>((resolve) => (go = resolve))
      })
      await pass(100, 10)
      const stopping = group.stop()
      await pass(100, 10)
      expect(handled).toEqual([])
      go()
      await driven(Promise.all([stopping, running]))
      expect(handled).toEqual(['0:0', '0:1'])
      expect(test.position(0)).toBe(2)
      expect(test.groups.state('billing').members.size).toBe(0)
    })
  })

  it('goes on through lost connections without giving up a shard', async () => {
    await withGroup({ shards: 2 }, async (test) => {
      const { handled, events } = await test.join()
      for (let round = 0; round < 5; round++) {
        fill(test.broker, 0, [3])
        fill(test.broker, 1, [3])
        test.broker.disconnect()
        await test.until(() => handled.length === 6 * (round + 1))
      }
      expect(typesOf(events).filter((type) => type === 'assigned')).toHaveLength(2)
      expect(typesOf(events)).not.toContain('lost')
    })
  })

  it('hands out nothing while its lease is not sure, and goes on where it was if the broker still has it', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      const signals: AbortSignal[] = []
      const { handled, events } = await test.join({}, (_, { signal }) => void signals.push(signal))
      fill(test.broker, 0, [2])
      await test.until(() => handled.length === 2)
      // The controller is away, and with it its clock: no lease ends there.
      test.groups.close()
      test.broker.disturb = (message) => ('memberId' in message.request ? 'hangs' : 'none')
      await pass(2 * LEASE_MS, 100)
      fill(test.broker, 0, [2])
      await pass(1000, 100)
      expect(handled).toHaveLength(2)
      expect(signals[0]!.aborted).toBe(true)
      test.broker.disturb = () => 'none'
      test.groups.frozenMs = 2 * LEASE_MS + 1000
      await test.until(() => handled.length === 4)
      expect(handled).toEqual(['0:0', '0:1', '0:2', '0:3'])
      expect(typesOf(events)).not.toContain('lost')
    })
  })

  it('joins again after its lease has ended, and a late checkpoint of it is refused', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      const outcomes: string[] = []
      let resume = (): void => {}
      let isFirst = true
      const { handled, events } = await test.join({}, async (_, context) => {
        if (!isFirst) return
        isFirst = false
        await new Promise<void>((resolve) => (resume = resolve))
        await context.checkpoint().then(
          () => outcomes.push('stored'),
          (error: { code: string }) => outcomes.push(error.code),
        )
      })
      fill(test.broker, 0, [3])
      await pass(100, 10)
      test.broker.disturb = (message) => ('memberId' in message.request ? 'hangs' : 'none')
      await pass(2 * LEASE_MS, 100)
      test.broker.disturb = () => 'none'
      await test.until(() => typesOf(events).filter((type) => type === 'joined').length === 2)
      resume()
      await test.until(() => test.position(0) === 3)
      expect(outcomes).toEqual(['leaseLost'])
      // The lost call, and the one of the new lease.
      expect(handled).toEqual(['0:0', '0:1', '0:2', '0:0', '0:1', '0:2'])
      const epochs = test.groups.stored.map(({ epoch }) => epoch)
      expect(new Set(epochs).size).toBe(1)
    })
  })

  it('a call that takes longer than it may ends the renewals: another member goes on', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [2])
      const first = await test.join({ handlerTimeoutMs: 5000 }, () => new Promise<void>(() => {}))
      await pass(1000, 100)
      const second = await test.join()
      await test.until(() => second.handled.length === 2)
      expect(first.handled).toEqual([])
      first.group.abort()
    })
  })

  it('paused, members keep their shards and hand out nothing', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      const { handled, group, events } = await test.join()
      fill(test.broker, 0, [2])
      await test.until(() => handled.length === 2)
      await driven(group.pause())
      await pass(100, 10)
      fill(test.broker, 0, [2])
      await pass(3 * LEASE_MS, 100)
      expect(handled).toHaveLength(2)
      await driven(group.resume())
      await test.until(() => handled.length === 4)
      expect(typesOf(events)).not.toContain('lost')
    })
  })

  it('begins where it is told to, once, and later where its checkpoints are', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [5])
      const first = await test.join({ from: 'LATEST' })
      await test.until(() => typesOf(first.events).includes('assigned'))
      fill(test.broker, 0, [2])
      await test.until(() => first.handled.length === 2)
      await driven(first.group.stop())
      fill(test.broker, 0, [2])
      const second = await test.join({ from: 'LATEST' })
      await test.until(() => second.handled.length === 2)
      expect(test.handled).toEqual(['0:5', '0:6', '0:7', '0:8'])
    })
  })

  it('goes on at the oldest record where records have expired, and says so', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [5, 5])
      const first = await test.join()
      await test.until(() => test.position(0) === 10)
      await driven(first.group.stop())
      fill(test.broker, 0, [5, 5])
      test.broker.shards[0]!.trim(15)
      const second = await test.join()
      await test.until(() => second.handled.length === 5)
      expect(second.events).toContainEqual(
        expect.objectContaining({ type: 'trimmed', sequenceNumber: 10, nextSequenceNumber: 15 }),
      )
    })
  })

  it('fails for a stream that does not exist, and for a name that another process keeps', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      const lost = await test.join({ stream: 'other' })
      expect(await rejectionOf(driven(lost.running))).toMatchObject({ code: 'streamNotFound' })
      await test.join({ memberId: 'same' })
      const double = await test.join({ memberId: 'same' })
      expect(await rejectionOf(driven(double.running))).toMatchObject({ code: 'memberExists' })
    })
  })

  it('runs once, and not after it was stopped', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      const { group, client } = await test.join()
      expect(await rejectionOf(group.run(() => {}))).toMatchObject({ code: 'invalidArgument' })
      await driven(group.stop())
      expect(await rejectionOf(group.run(() => {}))).toMatchObject({ code: 'closed' })
      for (const wrong of [
        { name: 'a' },
        { name: 'a', stream: 's', streams: ['s'] },
        { name: 'a', streams: [] },
        { name: 'a b', stream: 's' },
        { name: 'a', stream: 's', checkpoint: 'external' },
        { name: 'a', stream: 's', checkpoint: 'manual', concurrency: 2 },
        { name: 'a', stream: 's', leaseMs: 10 },
        { name: 'a', stream: 's', onPoison: 'retry' },
        { name: 'a', stream: 's', consumer: '' },
        { name: 'a', stream: 's', consumer: 'a/b' },
      ]) {
        expect(() => client.group(wrong as never)).toThrow(
          expect.objectContaining({ code: 'invalidArgument' }),
        )
      }
    })
  })

  it('its signal ends it at once', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [2])
      const end = new AbortController()
      const signals: AbortSignal[] = []
      const { running } = await test.join({ signal: end.signal }, (_, { signal }) => {
        signals.push(signal)
        return new Promise<void>((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('ended'))),
        )
      })
      await pass(100, 10)
      end.abort()
      expect(await rejectionOf(driven(running))).toMatchObject({ code: 'aborted' })
      expect(signals.map(({ aborted }) => aborted)).toEqual([true])
      await test.until(() => test.groups.state('billing').members.size === 0)
    })
  })

  it('as a loop: a batch counts when the next one is asked for, and the last one if it is done', async () => {
    await withGroup({ shards: 1 }, async (test) => {
      fill(test.broker, 0, [2, 2, 2])
      const { client } = await test.join({ name: 'other' })
      const loop = async (): Promise<string[]> => {
        const seen: string[] = []
        const group = client.group({
          name: 'billing',
          stream: 'clicks',
          batchRecordsMax: 2,
          leaseMs: LEASE_MS,
        })
        for await (const { records } of group.batches()) {
          seen.push(...records.map(valueOf))
          if (seen.length === 4) break
        }
        return seen
      }
      expect(await driven(loop())).toEqual(['0:0', '0:1', '0:2', '0:3'])
      expect(test.position(0)).toBe(2)
      expect(test.groups.state('billing').members.size).toBe(0)
    })
  })
})
