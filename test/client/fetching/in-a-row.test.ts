// Many fetches of one shard, one after the other: they give what a reading gives, around records that cannot be read too.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Fetched, FetchOptions, UnreadableRecords } from '../../../client/index.ts'
import { batchOffsets, bodyCrcOf } from '../../../protocol/batch/batch.ts'
import { driven, fakeTime } from '../support/drive.ts'
import type { FakeBroker } from '../support/fake-broker.ts'
import { at, dataOf, fetching, SHARD } from './support/fetching.ts'
import { batchOf, fill } from '../support/fill.ts'
import { collect, values } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('records that cannot be read', () => {
  /** A batch with a valid checksum that says that its records are compressed, which they are not. */
  function malformed(): Uint8Array {
    const batch = Buffer.from(batchOf(['bad-1', 'bad-2']))
    batch.writeUInt16LE(1, batchOffsets.attributes)
    batch.writeUInt32LE(bodyCrcOf(batch), batchOffsets.bodyCrc)
    return batch
  }

  const spoiled: Record<string, (broker: FakeBroker) => void> = {
    malformedBatch: (broker) => broker.store(0, malformed()),
    corruptData: (broker) => {
      fill(broker, 0, [2])
      broker.shards[0]!.damaged.push({ firstSequenceNumber: 3, nextSequenceNumber: 5, reason: 'it is gone' })
    },
  }

  it.each(Object.keys(spoiled))(
    '%s: what comes before is given, then the error says where to go on',
    async (code) => {
      const { broker, client, fetch, end } = await fetching([3])
      spoiled[code]!(broker)
      fill(broker, 0, [3])
      await expect(fetch()).resolves.toMatchObject({ next: 3 })
      const place = { firstSequenceNumber: 3, nextSequenceNumber: 5 }
      await expect(fetch({ from: at(3) })).rejects.toMatchObject({ code, ...place })

      const onUnreadable = vi.fn<(skipped: UnreadableRecords) => void>()
      const read: string[] = []
      for (let from = 0; from < 8;) {
        const options = { shard: SHARD, from: at(from), onUnreadable, recordsMax: 2 }
        const fetched: Fetched = await driven(client.fetch('clicks', options))
        read.push(...dataOf(fetched))
        expect(fetched.next).toBeGreaterThan(from)
        from = fetched.next
      }
      expect(read).toEqual([...values(0, 0, 3), ...values(0, 5, 8)])
      expect(onUnreadable).toHaveBeenCalledWith(expect.objectContaining({ reason: code, ...place }))
      await end()
    },
  )
})

describe('any fetches in a row', () => {
  const plans = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }),
    trimmed: fc.nat(20),
    bounds: fc.array(
      fc.record({
        recordsMax: fc.integer({ min: 1, max: 12 }),
        bytesMax: fc.integer({ min: 1, max: 80 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  })

  it('give what one reading gives, each record once, in order, within their bounds', async () => {
    const check = async ({
      sizes,
      trimmed,
      bounds,
    }: typeof plans extends fc.Arbitrary<infer P> ? P : never) => {
      const { broker, client, end } = await fetching(sizes)
      broker.shards[0]!.trim(Math.min(trimmed, broker.shards[0]!.tail))
      broker.split(0)
      const expected = await driven(collect(client.read('clicks', { shard: SHARD })))
      const read: string[] = []
      let from: FetchOptions['from'] = 'TRIM_HORIZON'
      for (let i = 0; ; i++) {
        const bound = bounds[i % bounds.length]!
        const fetched: Fetched = await driven(client.fetch('clicks', { shard: SHARD, from, ...bound }))
        const given = dataOf(fetched)
        expect(given.length).toBeLessThanOrEqual(bound.recordsMax)
        if (given.length > 1) expect(2 * given.join('').length).toBeLessThanOrEqual(bound.bytesMax)
        read.push(...given)
        if (fetched.isEnd) break
        expect(given.length).toBeGreaterThan(0)
        from = at(fetched.next)
      }
      expect(read).toEqual(expected)
      await end()
    }
    await fc.assert(fc.asyncProperty(plans, check), { numRuns: 40 })
  })
})
