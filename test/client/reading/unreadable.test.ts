// Stored records that cannot be read: each way of reading names them, or reports them and goes on behind them.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Client, Reading, ReadingOptions, UnreadableRecords } from '../../../client/index.ts'
import { batchOffsets, bodyCrcOf } from '../../../protocol/batch/batch.ts'
import { isCodecAvailable } from '../../../protocol/batch/compression.ts'
import { driven, fakeTime } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { batchOf, fill } from '../support/fill.ts'
import { connectTo } from '../support/reading.ts'

let realTime: () => void
beforeEach(() => {
  realTime = fakeTime()
})
afterEach(() => realTime())

const SHARD = 'shardId-000000000000'

function signed(batch: Uint8Array, change: (batch: Buffer) => void): Buffer {
  const changed = Buffer.from(batch)
  change(changed)
  changed.writeUInt32LE(bodyCrcOf(changed), batchOffsets.bodyCrc)
  return changed
}

/** Two records that a producer has compressed by itself, and that inflate to something else than they should. */
const malformed = () =>
  signed(batchOf(['bad-1', 'bad-2']), (batch) => batch.writeUInt16LE(1, batchOffsets.attributes))

/** Two records in zstd; what is in them does not matter where nothing inflates them. */
const inZstd = () =>
  signed(batchOf(['zstd-1', 'zstd-2']), (batch) => batch.writeUInt16LE(2, batchOffsets.attributes))

/** A stream whose one shard holds good records from 0 to 2, then what `damage` puts there from 3 to 4, then good ones to 7. */
const cases: Record<string, { reason: string; says: RegExp; damage: (broker: FakeBroker) => void }> = {
  'damage of which the broker tells': {
    reason: 'corruptData',
    says: /the disk gave something else/,
    damage: (broker) => {
      fill(broker, 0, [2])
      const reason = 'the disk gave something else'
      broker.shards[0]!.damaged.push({ firstSequenceNumber: 3, nextSequenceNumber: 5, reason })
    },
  },
  'damage that the client finds': {
    reason: 'corruptData',
    says: /do not match its checksum/,
    damage: (broker) => {
      fill(broker, 0, [2])
      broker.shards[0]!.batches[1]![120]! ^= 1
    },
  },
  'a batch whose very header is damaged': {
    reason: 'corruptData',
    says: /do not begin with MLR1/,
    damage: (broker) => {
      fill(broker, 0, [2])
      broker.shards[0]!.batches[1]!.fill(0xff, 0, 4)
    },
  },
  'records that were written so': {
    reason: 'malformedBatch',
    says: /do not inflate.*Their producer wrote them so/,
    damage: (broker) => broker.store(0, malformed()),
  },
  ...(isCodecAvailable('zstd')
    ? {}
    : {
        'a codec that this Node does not have': {
          reason: 'codecUnavailable',
          says: /compressed with zstd.*has no zstd: Node 22 has it from 22\.15 on/,
          damage: (broker: FakeBroker) => broker.store(0, inZstd()),
        },
      }),
}

function brokerWith(damage: (broker: FakeBroker) => void): FakeBroker {
  const broker = new FakeBroker()
  fill(broker, 0, [3])
  damage(broker)
  fill(broker, 0, [1, 2])
  return broker
}

type Start = (client: Client, options: ReadingOptions) => Reading<Uint8Array>
const ways: Record<string, Start> = {
  read: (client, options) => client.read('clicks', options),
  'read, one batch a fetch': (client, options) => client.read('clicks', { ...options, bufferBytesMax: 1 }),
  subscribe: (client, options) => client.subscribe('clicks', { from: 'TRIM_HORIZON', ...options }),
}

/** What a loop gets, record by record or batch by batch, up to the last record or an error. */
async function loop(reading: Reading<Uint8Array>, how: 'records' | 'batches'): Promise<number[]> {
  const seen: number[] = []
  const LAST = 7
  if (how === 'records') {
    for await (const { sequenceNumber } of reading)
      if (seen.push(sequenceNumber) && sequenceNumber === LAST) break
  } else {
    for await (const batch of reading.batches()) {
      seen.push(...batch.map(({ sequenceNumber }) => sequenceNumber))
      if (seen.at(-1) === LAST) break
    }
  }
  return seen
}

const each = Object.entries(cases).flatMap(([name, one]) =>
  Object.keys(ways).flatMap((way) =>
    (['records', 'batches'] as const).map((how) => ({ name, way, how, ...one })),
  ),
)

describe('unreadable records', () => {
  it.each(each)('$name: $way ends with their place, by $how', async ({ way, how, damage, reason, says }) => {
    const { client, end } = await connectTo(brokerWith(damage))
    const reading = ways[way]!(client, {})
    const seen: number[] = []
    const run = async () => {
      if (how === 'records') for await (const { sequenceNumber } of reading) seen.push(sequenceNumber)
      else for await (const batch of reading.batches()) seen.push(...batch.map((one) => one.sequenceNumber))
    }
    const error = await driven(run()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: reason,
      retry: 'never',
      shardId: SHARD,
      firstSequenceNumber: 3,
      nextSequenceNumber: 5,
      message: expect.stringMatching(says) as string,
    })
    expect((error as Error).message).toMatch(
      /^The records from 3 to 4 of shardId-000000000000 cannot be read: /,
    )
    expect((error as Error).message).toMatch(/Behind them reading goes on at 5\.$/)
    expect(seen).toEqual([0, 1, 2])
    // The reading is over: going on with it would pass over what was not given.
    expect(await driven(reading[Symbol.asyncIterator]().next())).toEqual({ done: true, value: undefined })
    await end()
  })

  it.each(each)('$name: $way reports and passes them over, by $how', async ({ way, how, damage, reason }) => {
    const { client, end } = await connectTo(brokerWith(damage))
    const skipped: UnreadableRecords[] = []
    const reading = ways[way]!(client, { onUnreadable: (one) => void skipped.push(one) })
    expect(await driven(loop(reading, how))).toEqual([0, 1, 2, 5, 6, 7])
    expect(skipped).toEqual([
      {
        shardId: SHARD,
        firstSequenceNumber: 3,
        nextSequenceNumber: 5,
        reason,
        cause: expect.objectContaining({ code: reason }) as unknown,
      },
    ])
    await end()
  })

  it('are reported in their place: after the records before them, and before those after them', async () => {
    for (const { damage } of Object.values(cases)) {
      const { client, end } = await connectTo(brokerWith(damage))
      const story: (number | string)[] = []
      const onUnreadable = ({ firstSequenceNumber }: UnreadableRecords) =>
        void story.push(`skip ${firstSequenceNumber}`)
      const run = async () => {
        for await (const { sequenceNumber } of client.read('clicks', { onUnreadable }))
          story.push(sequenceNumber)
      }
      await driven(run())
      expect(story).toEqual([0, 1, 2, 'skip 3', 5, 6, 7])
      await end()
    }
  })

  it('end the loop with the error that the function throws', async () => {
    for (const { damage } of Object.values(cases)) {
      const { client, end } = await connectTo(brokerWith(damage))
      const stop = new Error('that is enough')
      const onUnreadable = vi.fn<() => never>(() => {
        throw stop
      })
      const reading = client.read('clicks', { onUnreadable })
      await expect(driven(loop(reading, 'records'))).rejects.toBe(stop)
      expect(onUnreadable).toHaveBeenCalledTimes(1)
      await end()
    }
  })

  it('at the end of a shard do not keep a reading from its end', async () => {
    const broker = new FakeBroker()
    broker.store(0, malformed())
    broker.store(0, malformed())
    broker.shards[0]!.damaged.push({ firstSequenceNumber: 2, nextSequenceNumber: 4, reason: 'gone' })
    const { client, end } = await connectTo(broker)
    const firsts: number[] = []
    const onUnreadable = ({ firstSequenceNumber }: UnreadableRecords) => void firsts.push(firstSequenceNumber)
    const records: unknown[] = []
    const run = async () => {
      for await (const record of client.read('clicks', { onUnreadable })) records.push(record)
    }
    await driven(run())
    expect(records).toEqual([])
    expect(firsts).toEqual([0, 2])
    await end()
  })

  it('of which the broker names no place behind them end the reading: it would not advance', async () => {
    const broker = brokerWith(() => {})
    fill(broker, 0, [2])
    broker.shards[0]!.damaged.push({ firstSequenceNumber: 3, nextSequenceNumber: 4, reason: 'gone' })
    broker.shards[0]!.damageAt = (number) =>
      number >= 3 ? { firstSequenceNumber: 0, nextSequenceNumber: 3, reason: 'gone' } : undefined
    for (const way of Object.keys(ways)) {
      const { client, end } = await connectTo(broker)
      const onUnreadable = vi.fn<() => void>()
      await expect(driven(loop(ways[way]!(client, { onUnreadable }), 'records'))).rejects.toMatchObject({
        code: 'corruptData',
      })
      expect(onUnreadable).not.toHaveBeenCalled()
      await end()
    }
  })

  it('option: anything but fail or a function is refused', async () => {
    const { client, end } = await connectTo(new FakeBroker())
    for (const onUnreadable of ['skip', null, 7, {}]) {
      expect(() => client.read('clicks', { onUnreadable: onUnreadable as never })).toThrow(
        expect.objectContaining({ code: 'invalidArgument' }),
      )
    }
    await end()
  })
})
