// Positions that are kept in the broker by name: what is sent, what travels together, and what is refused.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client, StreamPosition } from '../../../client/index.ts'
import type { RequestMessage, RequestOf } from '../../../protocol/index.ts'
import { rejectionOf } from '../../support/rejection.ts'
import { driven, fakeTime } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { FakeGroups } from '../support/fake-groups.ts'
import { fill } from '../support/fill.ts'
import { connectTo } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

interface Setting {
  readonly broker: FakeBroker
  readonly groups: FakeGroups
  readonly client: Client
  /** Requests to save, in order. */
  readonly saves: RequestOf<'saveProgress'>[]
}

async function withBroker(shards: number, use: (setting: Setting) => Promise<void>): Promise<void> {
  const broker = new FakeBroker({ shards })
  const groups = new FakeGroups(broker)
  const saves: RequestOf<'saveProgress'>[] = []
  broker.disturb = (message: RequestMessage) => {
    if (message.operation === 'saveProgress') saves.push(message.request)
    return 'none'
  }
  const { client, end } = await connectTo(broker)
  try {
    await use({ broker, groups, client, saves })
  } finally {
    await end()
    groups.close()
  }
}

const position = (
  shards: Record<string, number>,
  shardsBelow = Object.keys(shards).length,
): StreamPosition => ({
  streamId: 1,
  shardsBelow,
  shards: Object.fromEntries(
    Object.entries(shards).map(([index, next]) => [`shardId-${index.padStart(12, '0')}`, next]),
  ),
})

describe('checkpoints', () => {
  it('the loop of three lines goes on where it was, and reads each record once', async () => {
    await withBroker(2, async ({ broker, client }) => {
      const all = [...fill(broker, 0, [4, 3]), ...fill(broker, 1, [5])]
      const seen: string[] = []
      const some = async (count: number): Promise<void> => {
        const checkpoints = client.checkpoints('billing')
        const reading = client.read('clicks', {
          from: (await checkpoints.load('clicks')) ?? 'TRIM_HORIZON',
          follow: true,
        })
        let left = count
        for await (const record of reading) {
          seen.push(Buffer.from(record.data).toString())
          await checkpoints.save('clicks', reading.position)
          if (--left === 0) break
        }
      }
      await driven(some(5))
      await driven(some(7))
      expect(seen.toSorted()).toEqual(all.toSorted())
    })
  })

  it('a position is loaded as it was saved, and shards that are new are read from their first record', async () => {
    await withBroker(2, async ({ broker, client }) => {
      fill(broker, 0, [4])
      fill(broker, 1, [4])
      const checkpoints = client.checkpoints('billing')
      expect(await driven(checkpoints.load('clicks'))).toBeUndefined()
      await driven(checkpoints.save('clicks', position({ 0: 2, 1: 3 })))
      expect(await driven(client.checkpoints('billing').load('clicks'))).toEqual(position({ 0: 2, 1: 3 }))
      broker.split(0)
      expect(await driven(checkpoints.load('clicks'))).toEqual(position({ 0: 2, 1: 3, 2: 4, 3: 4 }))
    })
  })

  it('only what has changed is sent, and nothing if nothing has', async () => {
    await withBroker(3, async ({ broker, client, saves }) => {
      for (const shard of [0, 1, 2]) fill(broker, shard, [9])
      const checkpoints = client.checkpoints('billing')
      await driven(checkpoints.save('clicks', position({ 0: 1, 1: 1, 2: 1 })))
      await driven(checkpoints.save('clicks', position({ 0: 1, 1: 5, 2: 1 })))
      await driven(checkpoints.save('clicks', position({ 0: 1, 1: 5, 2: 1 })))
      expect(saves.map(({ isPartial, progress }) => [isPartial, progress.shards])).toEqual([
        [false, [0, 1, 2].map((shardIndex) => ({ shardIndex, next: 1 }))],
        [true, [{ shardIndex: 1, next: 5 }]],
      ])
    })
  })

  it('calls that come while a request is under way travel together', async () => {
    await withBroker(1, async ({ broker, client, saves }) => {
      fill(broker, 0, [9])
      const checkpoints = client.checkpoints('billing')
      const all = [1, 2, 3, 4, 5].map((next) => checkpoints.save('clicks', position({ 0: next })))
      await driven(Promise.all(all))
      expect(saves.map(({ progress }) => progress.shards[0]!.next)).toEqual([1, 5])
      expect(await driven(checkpoints.load('clicks'))).toEqual(position({ 0: 5 }))
    })
  })

  it('a position that goes back is refused: one of this process without being sent, one of another by the broker', async () => {
    await withBroker(1, async ({ broker, client, saves }) => {
      fill(broker, 0, [9])
      const checkpoints = client.checkpoints('billing')
      await driven(checkpoints.save('clicks', position({ 0: 5 })))
      const early = await rejectionOf(driven(checkpoints.save('clicks', position({ 0: 4 }))))
      expect(early).toMatchObject({ code: 'invalidCheckpoint' })
      expect(saves).toHaveLength(1)
      const other = client.checkpoints('billing')
      expect(await rejectionOf(driven(other.save('clicks', position({ 0: 4 }))))).toMatchObject({
        code: 'invalidCheckpoint',
      })
      await driven(other.save('clicks', position({ 0: 6 })))
    })
  })

  it('a position beyond the stream, a wrong one and a wrong name are refused', async () => {
    await withBroker(1, async ({ broker, client }) => {
      fill(broker, 0, [9])
      const checkpoints = client.checkpoints('billing')
      expect(await rejectionOf(driven(checkpoints.save('clicks', position({ 0: 10 }))))).toMatchObject({
        code: 'invalidCheckpoint',
      })
      for (const wrong of [undefined, {}, { streamId: 1 }, 'TRIM_HORIZON']) {
        expect(await rejectionOf(driven(checkpoints.save('clicks', wrong as never)))).toMatchObject({
          code: 'invalidArgument',
        })
      }
      expect(() => client.checkpoints('a/b')).toThrow(expect.objectContaining({ code: 'invalidArgument' }))
    })
  })

  it('after delete there is no position, and the next one is saved whole', async () => {
    await withBroker(1, async ({ broker, client }) => {
      fill(broker, 0, [9])
      const checkpoints = client.checkpoints('billing')
      await driven(checkpoints.save('clicks', position({ 0: 5 })))
      expect(await driven(checkpoints.delete())).toBe(true)
      expect(await driven(checkpoints.delete())).toBe(false)
      expect(await driven(checkpoints.load('clicks'))).toBeUndefined()
      await driven(checkpoints.save('clicks', position({ 0: 2 })))
      expect(await driven(checkpoints.load('clicks'))).toEqual(position({ 0: 2 }))
    })
  })
})
