// Plans the way from a stream's open shards to a number of even shards, in waves of splits and merges. Runs in the
// controller; pure. A wave follows from the open shards and the goal alone, so a restart on the way needs no other state.
// First splits make the missing boundaries, in all shards at once; then merges remove the surplus ones. So on the way a
// stream never has more open shards than its first and its final number together.
import { invariant } from '../../../protocol/invariant.ts'
import { hashKeyToHex } from '../../../protocol/shards/hash-key.ts'
import { evenRanges } from '../../../protocol/shards/shard-map.ts'
import type { Shard } from '../catalog-state.ts'
import type { ReshardIntent } from './plan.ts'

/** The cuts and joins of one wave, as hash keys where ranges begin. Each shard takes part in one cut or one join at most. */
export interface Wave {
  /** New beginnings, rising: the range that holds one is split there. */
  readonly cuts: readonly string[]
  /** Beginnings to remove, rising: the range that begins there is merged with the range before it. */
  readonly joins: readonly string[]
}

/**
 * Returns the next wave from ranges that begin at `starts` to ranges that begin at `goal`; undefined at the goal. Both
 * rise, have the same first element, and sort as text like the numbers that they stand for.
 */
export function nextWave(starts: readonly string[], goal: readonly string[]): Wave | undefined {
  invariant(starts[0] !== undefined && starts[0] === goal[0], 'all ranges begin where the hash keys begin')
  const cuts = middlesOfMissing(starts, goal)
  if (cuts.length > 0) return { cuts, joins: [] }
  const joins = disjointSurplus(starts, new Set(goal))
  return joins.length > 0 ? { cuts: [], joins } : undefined
}

/** Returns the next wave of a stream on its way to `target` even shards; undefined when that is reached. */
export function planEvenWave(open: readonly Shard[], target: number): ReshardIntent[] | undefined {
  const shards = inOrder(open)
  const starts = shards.map(({ startingHashKey }) => startingHashKey)
  const wave = nextWave(starts, evenStarts(target))
  if (wave === undefined) return undefined
  let place = 0
  const splits = wave.cuts.map((cut): ReshardIntent => {
    while (place + 1 < shards.length && starts[place + 1]! < cut) place++
    return { split: shards[place]!.index, at: [cut] }
  })
  const merges = wave.joins.map((join): ReshardIntent => {
    while (starts[place] !== join) place++
    return { merge: [shards[place - 1]!.index, shards[place]!.index] }
  })
  return [...splits, ...merges]
}

/** Returns how many shards all waves to `target` will make together. */
export function shardsOnTheWay(open: readonly Shard[], target: number): number {
  const goal = evenStarts(target)
  let starts: readonly string[] = inOrder(open).map(({ startingHashKey }) => startingHashKey)
  let count = 0
  for (;;) {
    const wave = nextWave(starts, goal)
    if (wave === undefined) return count
    count += 2 * wave.cuts.length + wave.joins.length
    starts = afterWave(starts, wave)
  }
}

/** Returns where ranges begin after a wave. */
export function afterWave(starts: readonly string[], { cuts, joins }: Wave): string[] {
  const gone = new Set(joins)
  return [...starts.filter((start) => !gone.has(start)), ...cuts].sort()
}

function evenStarts(count: number): string[] {
  return evenRanges(count).map(({ start }) => hashKeyToHex(start))
}

function inOrder(shards: readonly Shard[]): Shard[] {
  return shards.toSorted((a, b) => (a.startingHashKey < b.startingHashKey ? -1 : 1))
}

/** Returns, for each range that lacks beginnings, the middle one of them: so doubling the shards takes one wave. */
function middlesOfMissing(starts: readonly string[], goal: readonly string[]): string[] {
  const cuts: string[] = []
  let at = 0
  for (let place = 0; place < starts.length; place++) {
    const end = starts[place + 1]
    if (goal[at] === starts[place]) at++
    const first = at
    while (at < goal.length && (end === undefined || goal[at]! < end)) at++
    if (at > first) cuts.push(goal[first + ((at - first) >> 1)]!)
  }
  return cuts
}

/** Returns beginnings that the goal lacks, no two of neighbouring ranges, so that all can be removed in one wave. */
function disjointSurplus(starts: readonly string[], goal: ReadonlySet<string>): string[] {
  const joins: string[] = []
  for (let place = 1; place < starts.length; place++) {
    if (goal.has(starts[place]!)) continue
    joins.push(starts[place]!)
    // This range now takes part in a merge, so its upper neighbour waits for the next wave.
    place++
  }
  return joins
}
