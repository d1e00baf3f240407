// What becomes of a handler that fails: retries, the search for the record that fails, policies, and decisions.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GroupOptions, MillraceError } from '../../../../client/index.ts'
import { readRecords } from '../../../../protocol/index.ts'
import { driven, fakeTime, pass } from '../../support/drive.ts'
import { fill } from '../../support/fill.ts'
import { GroupTest, typesOf, valueOf, type Extra } from '../support/members.ts'

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

/** A handler that fails for a batch with one of these values. */
const failsFor =
  (...poison: string[]): Extra =>
  (records) => {
    const found = records.map(valueOf).filter((value) => poison.includes(value))
    if (found.length > 0) throw new Error(`cannot take ${found.join()}`)
  }

const policies: readonly (readonly [string, Partial<GroupOptions>])[] = [
  ['batches', { checkpoint: 'batch' }],
  ['single records', { checkpoint: 'record' }],
  ['lanes', { concurrency: 4 }],
]

describe('a handler that fails', () => {
  it('for a while is called again, with all of the batch, and what it did then counts', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [4])
      const attempts: number[] = []
      const { handled, events } = await test.join({}, (_, { attempt }) => {
        attempts.push(attempt)
        if (attempt < 3) throw new Error('not yet')
      })
      await test.until(() => test.position(0) === 4)
      expect(attempts).toEqual([1, 2, 3])
      expect(handled).toEqual(['0:0', '0:1', '0:2', '0:3'])
      expect(typesOf(events)).not.toContain('skipped')
    })
  })

  it('after a checkpoint in the middle is called again with what is behind it', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [4])
      const calls: string[][] = []
      const { handled } = await test.join({}, async (records, context) => {
        calls.push(records.map(valueOf))
        if (context.attempt > 1) return
        await context.checkpoint(records[1])
        throw new Error('in the middle')
      })
      await test.until(() => test.position(0) === 4)
      expect(calls).toEqual([
        ['0:0', '0:1', '0:2', '0:3'],
        ['0:2', '0:3'],
      ])
      expect(handled).toEqual(['0:2', '0:3'])
    })
  })

  it.each(policies)(
    "with 'skip', in %s: the record that fails is found, reported and passed over; all others are processed",
    async (_, options) => {
      await withGroup(1, async (test) => {
        const all = fill(test.broker, 0, [7, 6])
        const poison = [all[0]!, all[5]!, all[12]!]
        const { handled, events } = await test.join({ ...options, onPoison: 'skip' }, failsFor(...poison))
        await test.until(() => test.position(0) === 13)
        expect(handled.toSorted()).toEqual(all.filter((value) => !poison.includes(value)).toSorted())
        const skipped = events.flatMap((event) => (event.type === 'skipped' ? [event.sequenceNumber] : []))
        expect(skipped.toSorted((a, b) => a - b)).toEqual([0, 5, 12])
      })
    },
  )

  it('with a dead-letter stream: the record is put there, with where it came from and why, before the checkpoint passes it', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [5])
      // The fake has one stream: the letter comes back to the group.
      const { handled, events } = await test.join({ onPoison: { deadLetter: 'clicks' } }, (records) => {
        for (const record of records) {
          if (valueOf(record) !== '0:2' || record.headers['millrace-group'] !== undefined) continue
          throw new Error('cannot take it')
        }
      })
      await test.until(() => handled.length === 5)
      const letter = readRecords(test.broker.shards[0]!.batches.at(-1)!)[0]!
      const headers = Object.fromEntries(
        Object.entries(letter.headers).map(([name, value]) => [name, Buffer.from(value).toString()]),
      )
      expect(headers).toMatchObject({
        'millrace-group': 'billing',
        'millrace-stream': 'clicks',
        'millrace-shard': 'shardId-000000000000',
        'millrace-sequence-number': '2',
        'millrace-attempts': '3',
        'millrace-error': 'cannot take it',
      })
      expect(letter.partitionKey).toBe('0:2')
      expect(typesOf(events)).toContain('deadLettered')
    })
  })

  it('while the dead-letter stream cannot be written, the shard waits', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [2])
      test.broker.disturb = ({ operation }) => (operation === 'append' ? { refuse: 'storageFull' } : 'none')
      const { handled } = await test.join({ onPoison: { deadLetter: 'clicks' } }, (records) => {
        if (records.some((record) => valueOf(record) === '0:0' && record.sequenceNumber === 0))
          throw new Error('no')
      })
      await pass(5000, 50)
      expect(test.position(0)).toBeUndefined()
      test.broker.disturb = () => 'none'
      await test.until(() => handled.length === 2)
    })
  })

  it.each(policies)(
    "with 'stop', in %s: the shard stands still and says so, others go on, and it goes on after a decision",
    async (_, options) => {
      await withGroup(2, async (test) => {
        fill(test.broker, 0, [3])
        fill(test.broker, 1, [3])
        let isMended = false
        const { handled, events, group } = await test.join(options, (records, context) => {
          if (!isMended) void failsFor('0:1')(records, context)
        })
        await test.until(() => typesOf(events).includes('blocked'))
        fill(test.broker, 1, [3])
        await test.until(() => handled.filter((value) => value.startsWith('1:')).length === 6)
        await pass(10_000, 100)
        expect(handled).not.toContain('0:1')
        const report = test.groups.reports.findLast(({ shardIndex }) => shardIndex === 0)
        expect(report).toMatchObject({
          state: 'blocked',
          detail: expect.stringContaining('cannot take 0:1') as string,
        })
        isMended = true
        group.retryBlocked()
        await test.until(() => test.position(0) === 3)
      })
    },
  )

  it.each([
    ['undefined', undefined],
    ['an object without a text', Object.create(null)],
    ['an error whose message is no text', Object.assign(new Error(), { message: Object.create(null) })],
  ] as const)('with %s is called again like any other', async (_, thrown) => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [2])
      const { handled, events } = await test.join({}, (__, { attempt }) => {
        if (attempt < 3) throw thrown
      })
      await test.until(() => test.position(0) === 2)
      expect(handled).toEqual(['0:0', '0:1'])
      expect(typesOf(events).filter((type) => type === 'retrying')).toHaveLength(2)
    })
  })

  it.each([-1, 1.5, NaN, '1' as unknown as number])(
    'a checkpoint at %s is refused, and harms no other shard',
    async (sequenceNumber) => {
      await withGroup(2, async (test) => {
        for (const shard of [0, 1]) fill(test.broker, shard, [3])
        const outcomes: string[] = []
        await test.join({ checkpoint: 'manual' }, async (records, context) => {
          const [first] = records
          if (first === undefined) return
          const place = first.shardId.endsWith('0') ? { shardId: first.shardId, sequenceNumber } : undefined
          await context.checkpoint(place).then(
            () => outcomes.push('stored'),
            (error: MillraceError) => outcomes.push(error.code),
          )
        })
        await test.until(() => outcomes.length === 2)
        expect(outcomes.toSorted()).toEqual(['invalidCheckpoint', 'stored'])
        expect([0, 1].map((shard) => test.position(shard))).toEqual([undefined, 3])
      })
    },
  )

  it('a blocked record can be passed by seek', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      const { handled, events, group } = await test.join({ checkpoint: 'record' }, failsFor('0:1'))
      await test.until(() => typesOf(events).includes('blocked'))
      expect(() => group.seek({ shardId: '0', sequenceNumber: 9 })).toThrow('from 1 to 3')
      expect(() => group.seek({ shardId: '7', sequenceNumber: 0 })).toThrow('does not have')
      group.seek({ shardId: '0', sequenceNumber: 2 })
      await test.until(() => test.position(0) === 3)
      expect(handled).toEqual(['0:0', '0:2'])
    })
  })

  it.each(policies)('seek passes what is read ahead, and its place is stored (%s)', async (_, options) => {
    for (const sequenceNumber of [48, 50]) {
      await withGroup(1, async (test) => {
        fill(test.broker, 0, [30, 20])
        let isSought = false
        const { handled, group } = await test.join({ ...options, batchRecordsMax: 5 }, () => {
          if (!isSought) group.seek({ shardId: '0', sequenceNumber })
          isSought = true
        })
        await test.until(() => test.position(0) === 50)
        expect(handled.length).toBeLessThan(25)
        expect(handled).not.toContain('0:28')
        expect(handled).not.toContain('0:45')
        expect(handled.filter((value) => ['0:48', '0:49'].includes(value))).toHaveLength(50 - sequenceNumber)
      })
    }
  })

  it('a blocked shard goes to another member as it is, and stop does not wait for it', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3])
      const first = await test.join({ checkpoint: 'record' }, failsFor('0:1'))
      await test.until(() => typesOf(first.events).includes('blocked'))
      await driven(first.group.stop())
      expect(test.position(0)).toBe(1)
      const second = await test.join()
      await test.until(() => second.handled.length === 2)
    })
  })

  it('records that cannot be read are decided about like records that fail', async () => {
    await withGroup(1, async (test) => {
      fill(test.broker, 0, [3, 3])
      test.broker.shards[0]!.damaged.push({ firstSequenceNumber: 3, nextSequenceNumber: 6, reason: 'rotten' })
      fill(test.broker, 0, [2])
      const { handled, events } = await test.join({ onPoison: 'skip' })
      await test.until(() => handled.length === 5)
      expect(events).toContainEqual(
        expect.objectContaining({ type: 'skipped', sequenceNumber: 3, nextSequenceNumber: 6 }),
      )
    })
  })
})
