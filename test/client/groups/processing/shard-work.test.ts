// The work on a shard: what is checkpointed when, lanes of keys, positions that the application keeps, and the last call.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BatchContext, StreamRecord } from '../../../../client/index.ts'
import { deferred } from '../../../../client/waiting.ts'
import { rejectionOf } from '../../../support/rejection.ts'
import { batchOf, fill } from '../../support/fill.ts'
import { driven, fakeTime, pass, turns } from '../../support/drive.ts'
import { GroupTest, typesOf, valueOf } from '../support/members.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

async function withGroup(shards: number, use: (test: GroupTest) => Promise<void>): Promise<void> {
  const test = new GroupTest({ shards })
  try {
    await use(test)
  } finally {
    await test.end()
  }
}

describe('the work on a shard', () => {
  it('calls hold so many records at most, and batches that have arrived travel together', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [1, 1, 1, 10])
      const sizes: number[] = []
      await test.join({ batchRecordsMax: 5 }, (records) => void sizes.push(records.length))
      await test.until(() => test.position(0) === 13)
      expect(sizes).toEqual([5, 5, 3])
    })
  })

  it("with 'record', each record counts when its call is done, and many checkpoints travel together", async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [500])
      const sizes = new Set<number>()
      const { handled } = await test.join(
        { checkpoint: 'record' },
        (records) => void sizes.add(records.length),
      )
      await test.until(() => test.position(0) === 500)
      expect([...sizes]).toEqual([1])
      expect(handled).toHaveLength(500)
      expect(test.groups.stored.length).toBeLessThan(250)
    })
  })

  it('in lanes: other keys go on while one waits, each key keeps its order, and the checkpoint stops at the gap', async () => {
    await withGroup(1, async (test) => {
      const keys = ['a', 'b', 'a', 'c', 'b', 'a', 'd']
      test.broker.store(0, batchOf(keys))
      let go = (): void => {}
      const { handled, group } = await test.join(
        { concurrency: 3, checkpoint: 'record' },
        async ([record]) => {
          if (record!.sequenceNumber === 1) await new Promise<void>((resolve) => (go = resolve))
        },
      )
      await test.until(() => handled.length === 5)
      expect(handled.filter((key) => key === 'a')).toHaveLength(3)
      expect(handled).not.toContain('b')
      await pass(500, 10)
      expect(test.position(0)).toBe(1)
      const stopping = group.stop()
      await pass(100, 10)
      go()
      await driven(stopping)
      // What was begun is finished: everything before the last record that was begun.
      expect(test.position(0)).toBe(7)
      expect(handled).toHaveLength(7)
    })
  })

  it('in lanes, a planned hand-over delivers nothing twice', async () => {
    await withGroup(2, async (test) => {
      const keys = Array.from({ length: 200 }, (_, i) => `${i % 7}`)
      test.broker.store(0, batchOf(keys))
      test.broker.store(1, batchOf(keys))
      const slow = async (): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const options = { concurrency: 4, checkpoint: 'record' } as const
      await test.join(options, slow)
      await pass(300, 10)
      const second = await test.join(options, slow)
      await test.until(() => test.position(0) === 200 && test.position(1) === 200)
      expect(test.handled).toHaveLength(400)
      expect(second.handled.length).toBeGreaterThan(0)
    })
  })

  it("with 'manual', nothing counts but what the handler says, and it is called once more at the end", async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      const last: boolean[] = []
      const { group, handled } = await test.join({ checkpoint: 'manual' }, async (records, context) => {
        last.push(context.isLast)
        if (records.length > 0 && records[0]!.sequenceNumber > 0) await context.checkpoint(records[0])
      })
      await test.until(() => handled.length === 3)
      await pass(1000, 10)
      expect(test.position(0)).toBeUndefined()
      fill(test.broker, 0, [2])
      await test.until(() => test.position(0) === 4)
      await driven(group.stop())
      expect(last).toEqual([false, false, true])
      expect(test.position(0)).toBe(4)
    })
  })

  it("with 'manual', a checkpoint may come long after its call, from elsewhere, while later calls run", async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      const given: { context: BatchContext; records: readonly StreamRecord[] }[] = []
      const options = { checkpoint: 'manual', batchRecordsMax: 2, leaseMs: 1000 } as const
      const { group, handled } = await test.join(options, (records, context) => {
        if (records.length > 0) given.push({ context, records })
      })
      await test.until(() => handled.length === 3)
      // Longer than leases last without a renewal.
      await pass(5000, 10)
      fill(test.broker, 0, [2])
      await test.until(() => handled.length === 5)
      expect(test.position(0)).toBeUndefined()
      // Below the first record of the call, by the newest context; then by the oldest one, which is behind.
      await driven(given.at(-1)!.context.checkpoint(given[0]!.records[1]))
      expect(test.position(0)).toBe(2)
      await driven(given[0]!.context.checkpoint(given[0]!.records[0]))
      expect(test.position(0)).toBe(2)
      await driven(given.at(-1)!.context.checkpoint())
      expect(test.position(0)).toBe(5)
      await driven(group.stop())
      expect(await rejectionOf(driven(given[0]!.context.checkpoint(given.at(-1)!.records[0])))).toMatchObject(
        {
          code: 'invalidCheckpoint',
        },
      )
    })
  })

  it("with 'manual', checkpoints in any order do no harm, also of one that is under way", async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      let given: { context: BatchContext; records: readonly StreamRecord[] } | undefined
      const { group, handled, events } = await test.join({ checkpoint: 'manual' }, (records, context) => {
        if (records.length > 0) given = { context, records }
      })
      await test.until(() => handled.length === 3)
      const { context, records } = given!
      const saved: Promise<void>[] = []
      for (const at of [2, 0, 1, 2, 0]) {
        saved.push(context.checkpoint(records[at]))
        // So that each is in a request of its own, while the one before is answered.
        await turns(1)
      }
      await driven(Promise.all(saved))
      expect(test.position(0)).toBe(3)
      expect(typesOf(events)).not.toContain('lost')
      await driven(group.stop())
    })
  })

  it("with 'manual', the last call has all the time that it needs: its lease is renewed, and the next member waits", async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      const options = { checkpoint: 'manual', leaseMs: 1000 } as const
      const held: StreamRecord[] = []
      const flush = deferred<void>()
      let signal: AbortSignal | undefined
      const first = await test.join(options, async (records, context) => {
        held.push(...records)
        if (!context.isLast) return
        signal = context.signal
        // Many times as long as the lease.
        await flush.promise
        for (const record of held) await context.checkpoint(record)
      })
      await test.until(() => held.length === 3)
      const stopping = first.group.stop()
      const second = await test.join({ checkpoint: 'manual' })
      await pass(20_000, 20)
      expect([test.position(0), second.handled.length, signal?.aborted]).toEqual([undefined, 0, false])
      flush.resolve()
      await driven(stopping)
      expect(test.position(0)).toBe(3)
      fill(test.broker, 0, [1])
      await test.until(() => second.handled.length === 1)
    })
  })

  it("with 'manual', a last call that is told to end is not the end of a shard that has ended", async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      test.broker.split(0)
      let isLast = false
      const first = await test.join({ checkpoint: 'manual' }, async (_, context) => {
        if (!context.isLast) return
        isLast = true
        if (!context.closing.aborted)
          await new Promise((resolve) => context.closing.addEventListener('abort', resolve))
      })
      await test.until(() => isLast)
      await driven(first.group.stop())
      const second = await test.join({ checkpoint: 'manual' })
      await test.until(() => second.handled.length === 3)
    })
  })

  it('a checkpoint for a record of another shard, or behind those of the call, is refused', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      const codes: string[] = []
      const note = (error: { code: string }): void => void codes.push(error.code)
      const { handled } = await test.join({}, async (_, context) => {
        await context.checkpoint({ shardId: 'shardId-000000000001', sequenceNumber: 0 }).catch(note)
        await context.checkpoint({ shardId: context.shardId, sequenceNumber: 3 }).catch(note)
      })
      await test.until(() => handled.length === 3)
      expect(codes).toEqual(['invalidCheckpoint', 'invalidCheckpoint'])
    })
  })

  it("with 'external', reading begins where the application says, whatever the broker has, and the epoch rises", async () => {
    await withGroup(1, async (test) => {
      const all = fill(test.broker, 0, [10])
      const stored = { position: undefined as number | undefined, epoch: -1 }
      const applied: string[] = []
      const options = {
        checkpoint: 'external',
        batchRecordsMax: 2,
        loadCheckpoint: async ({ epoch }: { epoch: number }) => {
          expect(epoch).toBeGreaterThan(stored.epoch)
          stored.epoch = epoch
          return stored.position
        },
      } as const
      const first = await test.join(options, (records, { position, epoch }) => {
        if (epoch !== stored.epoch) throw new Error('fenced')
        applied.push(...records.map(valueOf))
        stored.position = position
        // It is applied, and the process dies before it hears of it.
        if (position === 4) return new Promise<void>(() => {})
        return undefined
      })
      await test.until(() => stored.position === 4)
      first.group.abort()
      test.broker.disturb = (message) =>
        'memberId' in message.request && message.request.memberId === 'm0' ? 'hangs' : 'none'
      await test.join(options, (records, { position }) => {
        applied.push(...records.map(valueOf))
        stored.position = position
      })
      await test.until(() => stored.position === 10)
      expect(applied).toEqual(all)
      expect(typesOf(test.members[1]!.events)).toContain('assigned')
    })
  })
})
