// Which shards filters select: at every moment they cover every hash key, whatever was split and merged.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { selectShards, type ShardSelection } from '../../src/shards/shard-filter.ts'

interface Made {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly from: number
  readonly to: number
  closedAt: Date | undefined
}

const WIDTH = 1024
const idOf = (index: number): string => `shardId-${String(index).padStart(12, '0')}`

/** A stream's shards after splits and merges, each a step of time later than the one before. */
function history(
  initial: number,
  steps: readonly { readonly pick: number; readonly merges: boolean; readonly after: number }[],
) {
  const shards: Made[] = []
  let now = 1000
  const make = (from: number, to: number, parents: readonly Made[]): void => {
    for (const parent of parents) parent.closedAt ??= new Date(now)
    const parentShardIds = parents.map(({ shardId }) => shardId)
    shards.push({ shardId: idOf(shards.length), parentShardIds, from, to, closedAt: undefined })
  }
  for (let index = 0; index < initial; index++) {
    make((index * WIDTH) / initial, ((index + 1) * WIDTH) / initial, [])
  }
  for (const { pick, merges, after } of steps) {
    now += after
    const open = shards.filter(({ closedAt }) => closedAt === undefined).sort((a, b) => a.from - b.from)
    const place = pick % open.length
    const one = open.at(place)!
    const next = open[place + 1]
    if (merges && next !== undefined) make(one.from, next.to, [one, next])
    else {
      const middle = (one.from + one.to) / 2
      make(one.from, middle, [one])
      make(middle, one.to, [one])
    }
  }
  return { shards, end: now }
}

/** Whether the ranges leave no hole, and whether none lies over another. */
function coverage(selected: readonly Made[]): { readonly isWhole: boolean; readonly isSingle: boolean } {
  let reached = 0
  let isSingle = true
  for (const { from, to } of [...selected].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from > reached) return { isWhole: false, isSingle }
    if (from < reached) isSingle = false
    reached = Math.max(reached, to)
  }
  return { isWhole: reached === WIDTH, isSingle }
}

const steps = fc.array(
  fc.record({ pick: fc.nat(50), merges: fc.boolean(), after: fc.integer({ min: 0, max: 3 }) }),
  { maxLength: 25 },
)
const initial = fc.constantFrom(1, 2, 4, 8)

describe('the shards that a filter selects', () => {
  it('cover every hash key exactly once at every moment', () => {
    fc.assert(
      fc.property(initial, steps, fc.nat(100), (count, changes, time) => {
        const { shards } = history(count, changes)
        const at = coverage(selectShards(shards, { type: 'at', time: 990 + time }))
        expect(at).toEqual({ isWhole: true, isSingle: true })
      }),
    )
  })

  it('cover every hash key exactly once now, as they were when the listing began, whatever comes after', () => {
    fc.assert(
      fc.property(initial, steps, fc.nat(60), (count, changes, more) => {
        const { shards } = history(count, changes)
        const lastIndex = Math.min(shards.length - 1, count - 1 + more)
        // A split makes two shards: a listing never ends between them.
        const isBetween = shards[lastIndex + 1]?.parentShardIds.some(
          (id) =>
            shards.at(lastIndex)!.parentShardIds.length === 1 &&
            shards.at(lastIndex)!.parentShardIds.includes(id),
        )
        fc.pre(isBetween !== true)
        const latest = coverage(selectShards(shards, { type: 'latest', lastIndex }))
        expect(latest).toEqual({ isWhole: true, isSingle: true })
      }),
    )
  })

  it('leave no hole where the oldest shards are no longer kept', () => {
    fc.assert(
      fc.property(initial, steps, fc.nat(30), fc.nat(100), (count, changes, gone, time) => {
        const { shards } = history(count, changes)
        // Shards go when they are closed, and after all of their parents.
        const kept: Made[] = []
        let left = gone
        for (const shard of shards) {
          const isOldest = !shard.parentShardIds.some((id) => kept.some(({ shardId }) => shardId === id))
          if (left > 0 && shard.closedAt !== undefined && isOldest) left--
          else kept.push(shard)
        }
        const selections: ShardSelection[] = [
          { type: 'at-horizon' },
          { type: 'at', time: 990 + time },
          { type: 'from', time: 990 + time },
          { type: 'all' },
        ]
        for (const selection of selections) {
          expect(coverage(selectShards(kept, selection)).isWhole).toBe(true)
        }
      }),
    )
  })

  it('have from a moment on all that are open then, and all that came later', () => {
    fc.assert(
      fc.property(initial, steps, fc.nat(100), (count, changes, time) => {
        const { shards } = history(count, changes)
        const from = new Set(selectShards(shards, { type: 'from', time: 990 + time }))
        for (const shard of selectShards(shards, { type: 'at', time: 990 + time }))
          expect(from.has(shard)).toBe(true)
        for (const shard of shards) {
          if (shard.closedAt === undefined) expect(from.has(shard)).toBe(true)
        }
      }),
    )
  })

  it('take a shard whose children are not made yet for open', () => {
    const closed = { shardId: idOf(0), parentShardIds: [], closedAt: new Date(5) }
    expect(selectShards([closed], { type: 'latest', lastIndex: 0 })).toEqual([closed])
    expect(selectShards([closed], { type: 'at', time: 9 })).toEqual([closed])
  })
})
