// Reads from disk: whole verified batches by number and by time, or a report of damage, and never anything else.
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { limits } from '../../../protocol/limits.ts'
import { fetchedShardShape } from '../../../protocol/structs.ts'
import { decodeKey, familyOf } from '../../../broker/storage/rows/key-space.ts'
import { openLmdb, type OpenEnvironment } from '../../../broker/storage/environment.ts'
import { inlineSegmentReader } from '../../../broker/storage/segment-reader.ts'
import { batchOf, test, valuesIn, type StorageFixture, type TestOwner } from '../../support/disk/storage.ts'

describe('read', () => {
  test('returns whole batches; the first may begin before the wanted number', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    await owner.put(1, ['a', 'b', 'c'])
    await owner.put(1, ['d'])
    const reply = await owner.read(1, 1, 4)
    expect(valuesIn(reply)).toEqual(['0=a', '1=b', '2=c', '3=d'])
    expect(reply.next).toBe(4)
  })

  test('stops before the number that it must not reach', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    for (const value of ['a', 'b', 'c']) await owner.put(1, [value])
    const reply = await owner.read(1, 0, 2)
    expect(valuesIn(reply)).toEqual(['0=a', '1=b'])
    expect(reply.next).toBe(2)
    expect((await owner.read(1, 2, 2)).lengths).toHaveLength(0)
  })

  test('returns at most the wanted bytes, but at least one batch', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 200_000 })
    await owner.open(1)
    for (let i = 0; i < 10; i++) await owner.put(1, ['x'.repeat(50_000)])
    const one = await owner.read(1, 0, 10, 1)
    expect(one).toMatchObject({ next: 1 })
    const three = await owner.read(1, 1, 10, 160_000)
    expect(three.next).toBe(4)
    expect(three.buffer.byteLength).toBeLessThanOrEqual(160_000)
    expect((await owner.read(1, 0, 10, 8_000_000)).next).toBe(10)
  })

  test('returns at most as many batches as an answer to a client may list, however small they are', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    const count = fetchedShardShape.batches.max + 1
    const batch = batchOf()
    await owner.append(...Array.from({ length: count }, () => ({ slot: 1, batch })))
    const reply = await owner.read(1, 0, count, limits.fetchBytesMax)
    expect(reply.lengths.length).toBeLessThanOrEqual(fetchedShardShape.batches.max)
    expect(reply.next).toBe(reply.lengths.length)
    expect((await owner.read(1, reply.next, count, 1000)).next).toBeGreaterThan(reply.next)
  })

  test('begins at the first number if asked for a lower one, and is empty for an unknown shard', async ({
    storage,
  }) => {
    const owner = await storage.openOwner()
    await owner.openAt(1, 100)
    await owner.put(1, ['a'])
    expect(valuesIn(await owner.read(1, 0, 101))).toEqual(['100=a'])
    expect(await owner.read(5, 0, 10)).toMatchObject({ next: 0, lengths: new Uint32Array(0) })
  })

  test('sees what was just committed, in an environment that was read before', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    for (let i = 0; i < 50; i++) {
      await owner.put(1, [`v${i}`])
      expect(valuesIn(await owner.read(1, i, i + 1))).toEqual([`${i}=v${i}`])
    }
  })

  test('runs many reads at once with few open environments', async ({ storage }) => {
    const owner = await storage.openOwner({ segmentBytes: 1 })
    await owner.open(1)
    for (let i = 0; i < 30; i++) await owner.put(1, [`v${i}`])
    const reads = Array.from({ length: 200 }, (_, i) => owner.read(1, (i * 7) % 30, 30, 1))
    for (const [i, reply] of (await Promise.all(reads)).entries()) {
      expect(valuesIn(reply)).toEqual([`${(i * 7) % 30}=v${(i * 7) % 30}`])
    }
  })
})

describe('a read of missing numbers', () => {
  /** One shard in three sealed segments of two records each, and more in the active one. */
  async function rolled(storage: StorageFixture): Promise<TestOwner> {
    const owner = await storage.openOwner()
    await owner.open(1)
    for (const value of ['a', 'b', 'c', 'd']) {
      await owner.put(1, [value, value])
      if (value !== 'd') await owner.roll()
    }
    return owner
  }

  test('begins behind them if they are below the horizon, though their segments do not know it', async ({
    storage,
  }) => {
    const owner = await rolled(storage)
    const [first, second] = owner.list.segments
    await owner.trim(1, 4)
    await owner.replace([first!, second!], null)
    expect(await owner.read(1, 1, 8)).toMatchObject({ next: 8 })
    expect(valuesIn(await owner.read(1, 4, 8))).toEqual(['4=c', '5=c', '6=d', '7=d'])
  })

  test('returns no gap inside an answer, even from below the horizon', async ({ storage }) => {
    const owner = await rolled(storage)
    const [, second] = owner.list.segments
    await owner.trim(1, 4)
    await owner.replace([second!], null)
    const reply = await owner.read(1, 0, 8)
    expect(valuesIn(reply)).toEqual(['0=a', '1=a'])
    expect(reply).toMatchObject({ next: 2 })
    expect(reply.damage).toBeUndefined()
    expect(valuesIn(await owner.read(1, 2, 8))).toEqual(['4=c', '5=c', '6=d', '7=d'])
  })

  test('reports damage if they are at the horizon or above it, in whichever segment they should be', async ({
    storage,
  }) => {
    const owner = await rolled(storage)
    const { directory, segments } = owner.list
    await owner.trim(1, 2)
    const reader = inlineSegmentReader()
    for (const missing of [1, 2]) {
      const list = { directory, segments: segments.toSpliced(missing, 1) }
      for (const from of [0, 2]) {
        const reply = await reader.read({ list, slot: 1, from, until: 8, bytesMax: 1 << 20 })
        expect(reply).toMatchObject({
          next: 2 * missing,
          damage: {
            firstSequenceNumber: 2 * missing,
            nextSequenceNumber: 2 * missing + 2,
            reason: expect.stringContaining('are missing') as unknown,
          },
        })
      }
    }
    await reader.close()
  })
})

describe('seek', () => {
  /** Appends at the given times, rolls where asked, and returns the time of each number. */
  async function appendAt(
    owner: TestOwner,
    clock: { now: number },
    times: readonly { at: number; count: number }[],
  ) {
    const arrivals: number[] = []
    for (const { at, count } of times) {
      clock.now = at
      const { arrival } = await owner.put(
        1,
        Array.from({ length: count }, () => 'x'.repeat(400)),
      )
      for (let i = 0; i < count; i++) arrivals.push(arrival)
    }
    return arrivals
  }

  test('finds the first batch of that millisecond or later, exactly, across segments', async ({
    storage,
  }) => {
    const steps = fc.array(fc.record({ after: fc.nat(1500), count: fc.integer({ min: 1, max: 3 }) }), {
      minLength: 1,
      maxLength: 25,
    })
    let slots = 0
    const clock = { now: 0 }
    const owner = await storage.openOwner({ segmentBytes: 60_000, now: () => clock.now })
    const reader = inlineSegmentReader()
    await fc.assert(
      fc.asyncProperty(steps, async (gaps) => {
        const slot = ++slots
        await owner.open(slot)
        const bases: { base: number; arrival: number }[] = []
        let tail = 0
        for (const { after, count } of gaps) {
          clock.now += after
          const { base, arrival } = await owner.put(
            slot,
            Array.from({ length: count }, () => 'x'.repeat(400)),
          )
          bases.push({ base, arrival })
          tail = base + count
        }
        const times = bases.flatMap(({ arrival }) => [arrival - 1, arrival, arrival + 1])
        for (const timestamp of [0, ...times, clock.now + 5000]) {
          const { base, arrival } = bases.find((batch) => batch.arrival >= timestamp) ?? {
            base: tail,
            arrival: 0,
          }
          const reply = await reader.seek({ list: owner.list, slot, timestamp, until: tail })
          expect(reply).toEqual({ sequenceNumber: base, arrivalTime: arrival })
        }
      }),
      { numRuns: 30 },
    )
    await reader.close()
    expect(owner.list.segments.length).toBeGreaterThan(5)
  })

  test('never returns a number at or above the one that it must not reach', async ({ storage }) => {
    const clock = { now: 0 }
    const owner = await storage.openOwner({ now: () => clock.now })
    await owner.open(1)
    await appendAt(owner, clock, [
      { at: 1000, count: 2 },
      { at: 2000, count: 2 },
    ])
    expect(await owner.seek(1, 2000, 4)).toBe(2)
    expect(await owner.seek(1, 2000, 1)).toBe(1)
    expect(await owner.seek(9, 2000, 7)).toBe(7)
  })
})

describe('damage', () => {
  test('of any bit makes a read return the right bytes or report what is corrupt', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    const values = ['first', 'second', 'third']
    for (const value of values) await owner.put(1, [value])
    const length = batchOf({ values: ['second'] }).length
    const flips = fc.record({ base: fc.nat(2), at: fc.nat(length - 1), bit: fc.nat(7) })
    await fc.assert(
      fc.asyncProperty(flips, async ({ base, at, bit }) => {
        storage.disk.onRead = (key, value) => {
          if (familyOf(key) === 'batch' && decodeKey('batch', key).base === base && at < value.length) {
            value[at]! ^= 1 << bit
          }
          return value
        }
        const reply = await owner.read(1, 0, 3)
        const found = valuesIn(reply)
        expect(found).toEqual(values.slice(0, found.length).map((value, i) => `${i}=${value}`))
        if (found.length === 3) return // the byte lay beyond a shorter batch
        expect(found).toHaveLength(base)
        const reason = expect.stringContaining(`The batch at ${base}`) as string
        const damage = { firstSequenceNumber: base, nextSequenceNumber: base + 1, reason }
        expect(reply).toMatchObject({ next: base, damage })
      }),
    )
    storage.disk.onRead = undefined
  })

  test('is reported for a batch under another number, and for a truncated one', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    for (const value of ['a', 'b', 'c']) await owner.put(1, [value])
    const second = await owner.read(1, 1, 2)
    const other = new Uint8Array(second.buffer, 0, second.lengths[0])
    storage.disk.onRead = (key, value) =>
      familyOf(key) === 'batch' && decodeKey('batch', key).base === 0 ? other : value
    expect((await owner.read(1, 0, 3)).damage?.reason).toBe(
      'The batch at 0: The batch is stored under sequence number 0 and says 1.',
    )
    storage.disk.onRead = (key, value) => (familyOf(key) === 'batch' ? value.subarray(0, 50) : value)
    expect((await owner.read(1, 0, 3)).damage?.reason).toContain('The batch at 0: ')
    storage.disk.onRead = undefined
  })

  /** LMDB's error for a file with wrong content. */
  const damaged = (what: string) => Object.assign(new Error(`${what} is damaged`), { code: -30_796 })

  /** Reads a shard to its end, skipping damage; returns the values and the damage, in order. */
  async function readThrough(owner: TestOwner, slot: number, until: number): Promise<string[]> {
    const story: string[] = []
    for (let next = 0; next < until;) {
      const reply = await owner.read(slot, next, until, 1)
      story.push(...valuesIn(reply, next))
      const from = next
      next = reply.lengths.length > 0 ? reply.next : (reply.damage?.nextSequenceNumber ?? next)
      if (reply.lengths.length === 0) story.push(`damaged to ${next}`)
      expect(next).toBeGreaterThan(from)
    }
    return story
  }

  test('reports where reading can continue, wherever the damage lies', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    // Three segments: numbers 0 to 3, 4 to 7, 8 to 11, in batches of two.
    for (let i = 0; i < 6; i++) {
      await owner.put(1, [`v${2 * i}`, `v${2 * i + 1}`])
      if (i % 2 === 1 && i < 5) await owner.roll()
    }
    const all = Array.from({ length: 12 }, (_, i) => `${i}=v${i}`)
    const some = fc.uniqueArray(fc.nat(5), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(some, async (batches) => {
        const damaged = new Set(batches.map((i) => 2 * i))
        storage.disk.onRead = (key, value) => {
          if (familyOf(key) === 'batch' && damaged.has(decodeKey('batch', key).base)) value[100]! ^= 1
          return value
        }
        const expected = [0, 2, 4, 6, 8, 10].flatMap((base) =>
          damaged.has(base) ? [`damaged to ${base + 2}`] : all.slice(base, base + 2),
        )
        expect(await readThrough(owner, 1, 12)).toEqual(expected)
      }),
      { numRuns: 30 },
    )
    storage.disk.onRead = undefined
  })

  test('of a whole segment hides its records, and no others', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    for (let i = 0; i < 6; i++) {
      await owner.put(1, [`v${i}`])
      if (i < 5) await owner.roll()
    }
    const { directory, segments } = owner.list
    const readable = (missing: readonly number[]): OpenEnvironment => {
      return async (options) => {
        const at = segments.findIndex((name) => options.path.endsWith(name))
        if (missing.includes(at)) throw damaged(`segment ${at}`)
        return openLmdb(options)
      }
    }
    const some = fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(some, async (missing) => {
        const reader = inlineSegmentReader({ openEnvironment: readable(missing) })
        const list = { directory, segments }
        const found: string[] = []
        const lost: number[] = []
        for (let next = 0; next < 6;) {
          const reply = await reader.read({ list, slot: 1, from: next, until: 6, bytesMax: 1 })
          found.push(...valuesIn(reply, next))
          const { firstSequenceNumber: first = 0, nextSequenceNumber: end = 0 } = reply.damage ?? {}
          const isDamage = reply.lengths.length === 0
          if (isDamage) for (let number = first; number < end; number++) lost.push(number)
          const after = isDamage ? end : reply.next
          expect(after).toBeGreaterThan(next)
          next = after
        }
        expect(lost).toEqual(missing.toSorted((a, b) => a - b))
        expect(found).toEqual([0, 1, 2, 3, 4, 5].filter((i) => !missing.includes(i)).map((i) => `${i}=v${i}`))
        await reader.close()
      }),
      { numRuns: 40 },
    )
  })

  test('of a whole segment stops a search by time for what may be in it, and no other search', async ({
    storage,
  }) => {
    const clock = { now: 0 }
    const owner = await storage.openOwner({ now: () => clock.now })
    await owner.open(1)
    for (let i = 0; i < 5; i++) {
      clock.now = 1000 * (i + 1)
      await owner.put(1, [`v${i}`])
      if (i < 4) await owner.roll()
    }
    const { directory, segments } = owner.list
    const list = { directory, segments }
    for (const missing of [0, 1, 2, 3, 4]) {
      const reader = inlineSegmentReader({
        openEnvironment: async (options) => {
          if (options.path.endsWith(segments[missing]!)) throw damaged('it')
          return openLmdb(options)
        },
      })
      for (let i = 0; i < 5; i++) {
        const { sequenceNumber } = await reader.seek({ list, slot: 1, timestamp: 1000 * (i + 1), until: 5 })
        // The last record of a damaged segment may have arrived in the same millisecond as the first one behind it.
        expect(sequenceNumber).toBe(i === missing + 1 ? missing : i)
      }
      await reader.close()
    }
  })

  test('leads a search by time to the damaged batch, where a read reports it', async ({ storage }) => {
    let now = 1000
    const owner = await storage.openOwner({ now: () => now })
    await owner.open(1)
    for (now of [1000, 1100, 1200]) await owner.put(1, ['a'])
    storage.disk.onRead = (key, value) => {
      if (familyOf(key) === 'batch' && decodeKey('batch', key).base === 1) value[24]! ^= 1
      return value
    }
    const found = await owner.seek(1, 1150, 3)
    expect((await owner.read(1, found, 3)).damage?.reason).toContain('The batch at 1')
    storage.disk.onRead = undefined
  })
})
