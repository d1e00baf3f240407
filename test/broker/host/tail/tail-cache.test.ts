// The tail cache: what it finds, what it evicts, and what that costs.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import { hostLimits } from '../../../../broker/host/host-limits.ts'
import { ShardTail } from '../../../../broker/host/tail/shard-tail.ts'
import type { Room } from '../../../../broker/host/tail/batch-run.ts'
import { TailCache } from '../../../../broker/host/tail/tail-cache.ts'
import { rest } from '../support/stepped-time.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const everything: Room = { bytes: Infinity, firstBytes: Infinity }

interface Batch {
  readonly tail: ShardTail
  readonly base: number
  readonly recordCount?: number
  readonly length?: number
  readonly arrivalTime?: number
}

/** Caches batches in one arena; each is filled with its own base, by which tests recognise it. */
function add(cache: TailCache, ...batches: readonly Batch[]): void {
  const bytes = batches.reduce((sum, { length = 100 }) => sum + length, 0)
  const arena = cache.arena(new ArrayBuffer(bytes))
  let offset = 0
  for (const { tail, base, recordCount = 1, length = 100, arrivalTime = base } of batches) {
    arena.bytes.fill(base % 251, offset, offset + length)
    arena.push(tail, { offset, length, base, recordCount, arrivalTime })
    offset += length
  }
  cache.add(arena)
}

describe('read', () => {
  it('finds the batch that holds the number, and goes on from there', () => {
    const cache = new TailCache(1 << 20)
    const tail = new ShardTail()
    add(cache, { tail, base: 10, recordCount: 5 }, { tail, base: 15 }, { tail, base: 16, recordCount: 4 })
    expect(tail.read(12, everything)).toMatchObject({ bytes: 300, next: 20, arrivalTime: 16 })
    expect(tail.read(15, everything)).toMatchObject({ bytes: 200, next: 20 })
    expect(tail.read(19, everything)).toMatchObject({ bytes: 100, next: 20 })
  })

  it('returns undefined below, above, and in a gap', () => {
    const cache = new TailCache(1 << 20)
    const tail = new ShardTail()
    add(cache, { tail, base: 10 }, { tail, base: 20 })
    for (const from of [9, 11, 19, 21]) expect(tail.read(from, everything)).toBeUndefined()
    expect(tail.read(10, everything)).toMatchObject({ next: 11 })
    expect(new ShardTail().read(0, everything)).toBeUndefined()
  })

  it('takes whole batches within the room, and a larger first one only if that is allowed', () => {
    const cache = new TailCache(1 << 20)
    const tail = new ShardTail()
    add(cache, { tail, base: 0 }, { tail, base: 1 }, { tail, base: 2 })
    expect(tail.read(0, { bytes: 250, firstBytes: 0 })).toMatchObject({ bytes: 200, next: 2 })
    expect(tail.read(0, { bytes: 50, firstBytes: 100 })).toMatchObject({ bytes: 100, next: 1 })
    expect(tail.read(0, { bytes: 50, firstBytes: 99 })).toEqual({
      batches: [],
      bytes: 0,
      next: 0,
      arrivalTime: 0,
    })
  })

  it('returns a bounded number of batches', () => {
    const cache = new TailCache(1 << 30)
    const tail = new ShardTail()
    const batches = Array.from({ length: limits.runBatchesMax + 10 }, (_, base) => ({
      tail,
      base,
      length: 1,
    }))
    add(cache, ...batches)
    expect(tail.read(0, everything)!.batches.length).toBe(limits.runBatchesMax)
  })

  it('returns views of the arena if most of it is taken', () => {
    const cache = new TailCache(1 << 20)
    const tail = new ShardTail()
    const small = Array.from({ length: 50 }, (_, base) => ({ tail, base }))
    add(cache, ...small)
    const { batches } = tail.read(0, everything)!
    expect(new Set(batches.map(({ buffer }) => buffer.byteLength))).toEqual(new Set([5000]))
  })

  it('copies a small part of an arena, once for all readers, and counts the copy', () => {
    const cache = new TailCache(1 << 20)
    const [tail, other] = [new ShardTail(), new ShardTail()]
    add(cache, { tail, base: 7 }, { tail: other, base: 0, length: 10_000 }, { tail, base: 8 })
    const before = cache.bytes
    const first = tail.read(7, everything)!.batches
    expect(first.map(({ buffer }) => buffer.byteLength)).toEqual([100, 100])
    expect(first.map((batch) => batch[50])).toEqual([7, 8])
    const second = tail.read(7, everything)!.batches
    for (const [i, batch] of first.entries()) expect(second[i]).toBe(batch)
    expect(cache.bytes).toBe(before + 200)
    expect(other.read(0, everything)!.batches[0]!.buffer.byteLength).toBe(10_200)
  })
})

describe('seek', () => {
  it('returns only what it can prove', () => {
    const cache = new TailCache(1 << 20)
    const tail = new ShardTail()
    add(
      cache,
      { tail, base: 5, arrivalTime: 100 },
      { tail, base: 6, arrivalTime: 200 },
      { tail, base: 7, arrivalTime: 200 },
      { tail, base: 9, arrivalTime: 300 },
    )
    expect(tail.seek(101)).toBe(6)
    expect(tail.seek(200)).toBe(6)
    expect(tail.seek(100)).toBeUndefined() // earlier ones may be in storage
    expect(tail.seek(201)).toBeUndefined() // number 8 may have arrived then
    expect(tail.seek(301)).toBeUndefined()
  })
})

describe('eviction', () => {
  it('drops the oldest arena with all its batches, of all shards', () => {
    const charge = 200 + hostLimits.arenaOverheadBytes + 2 * hostLimits.batchOverheadBytes
    const cache = new TailCache(2 * charge)
    const [one, two] = [new ShardTail(), new ShardTail()]
    add(cache, { tail: one, base: 0 }, { tail: two, base: 0 })
    add(cache, { tail: one, base: 1 }, { tail: two, base: 1 })
    expect([one.size, two.size]).toEqual([2, 2])
    add(cache, { tail: one, base: 2 }, { tail: one, base: 3 })
    expect([one.size, two.size]).toEqual([3, 1])
    expect(one.read(0, everything)).toBeUndefined()
    expect(one.read(1, everything)).toMatchObject({ next: 4 })
    expect(cache.bytes).toBeLessThanOrEqual(2 * charge)
  })

  it('releases the memory of an evicted arena at once', async () => {
    const cache = new TailCache(100_000)
    const tail = new ShardTail()
    const arenas: WeakRef<ArrayBufferLike>[] = []
    for (let base = 0; base < 40; base++) {
      add(cache, { tail, base, length: 10_000 })
      arenas.push(new WeakRef(tail.read(base, everything)!.batches[0]!.buffer))
    }
    await rest(1) // a WeakRef that was just made holds on until its turn is over
    collectGarbage()
    const alive = arenas.filter((arena) => arena.deref() !== undefined)
    expect(tail.size).toBeGreaterThan(5)
    expect(alive.length).toBe(tail.size)
  })

  it('keeps nothing within a bound of zero bytes', () => {
    const cache = new TailCache(0)
    const tail = new ShardTail()
    add(cache, { tail, base: 0 })
    expect([tail.size, cache.bytes]).toEqual([0, 0])
  })

  it('works after a shard was cleared', () => {
    const cache = new TailCache(2000)
    const [gone, kept] = [new ShardTail(), new ShardTail()]
    add(cache, { tail: gone, base: 0 }, { tail: kept, base: 0 })
    gone.clear()
    for (let base = 1; base < 20; base++) add(cache, { tail: kept, base })
    expect(gone.size).toBe(0)
    expect(kept.size).toBeGreaterThan(0)
  })

  it('does not keep an arena without stored batches', () => {
    const cache = new TailCache(1000)
    cache.add(cache.arena(new ArrayBuffer(100_000)))
    expect(cache.bytes).toBe(0)
  })

  it('is bounded, and always holds an unbroken run of the newest batches', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 500, max: 20_000 }),
        fc.array(
          fc.array(
            fc.record({
              shard: fc.nat(2),
              length: fc.integer({ min: 1, max: 900 }),
              count: fc.integer({ min: 1, max: 5 }),
            }),
            { minLength: 1, maxLength: 6 },
          ),
          { maxLength: 60 },
        ),
        (bytesMax, arenas) => {
          const cache = new TailCache(bytesMax)
          const shards = Array.from({ length: 3 }, () => ({ tail: new ShardTail(), next: 0 }))
          for (const arena of arenas) {
            const batches = arena.map(({ shard: index, length, count }) => {
              const shard = shards[index]!
              const base = shard.next
              shard.next += count
              return { tail: shard.tail, base, recordCount: count, length }
            })
            add(cache, ...batches)
            expect(cache.bytes).toBeLessThanOrEqual(bytesMax)
            for (const { tail, next } of shards) {
              if (tail.size === 0) continue
              const newest = tail.read(next - 1, everything)
              expect(newest).toMatchObject({ next })
              expect(tail.read(next, everything)).toBeUndefined()
            }
          }
        },
      ),
    )
  })
})
