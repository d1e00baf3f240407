// The way from the shards that a stream has to as many even ones, in waves of splits and merges. Runs in the controller;
// pure. A wave is computed from the open shards and the goal alone, so a restart in the middle needs to know no more.
// Boundaries that are missing are cut first, all shards at once; then those that are too many are taken away. So a stream
// never has more shards in between than it began with and ends with together.
import { invariant } from '../../../protocol/invariant.ts'
import { hashKeyToHex } from '../../../protocol/hash-key.ts'
import { evenRanges } from '../../../protocol/shard-map.ts'
import type { Shard } from '../catalog-state.ts'
import type { ReshardIntent } from './plan.ts'

/** What one wave does to the places where ranges begin. Each shard is touched by one cut or one join at most. */
export interface Wave {
  /** New beginnings, rising: the range that holds it is split there. */
  readonly cuts: readonly string[]
  /** Beginnings that go, rising: the range is merged with the one before it. */
  readonly joins: readonly string[]
}

/**
 * The next wave on the way from ranges that begin at `starts` to ranges that begin at `goal`; undefined at the goal.
 * Both rise, begin with the same one, and are written so that their order as text is their order as numbers.
 */
export function nextWave(starts: readonly string[], goal: readonly string[]): Wave | undefined {
  invariant(starts[0] !== undefined && starts[0] === goal[0], 'all ranges begin where the hash keys begin')
  const cuts = middlesOfMissing(starts, goal)
  if (cuts.length > 0) return { cuts, joins: [] }
  const joins = disjointSurplus(starts, new Set(goal))
  return joins.length > 0 ? { cuts: [], joins } : undefined
}

/** The next wave of a stream on its way to `target` even shards; undefined when it is there. */
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

/** How many shards all waves to `target` will make, on the way and in the end. */
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

/** Where ranges begin after a wave. */
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

/** Of each range the middle one of the beginnings that it lacks: a doubling takes one wave, however many. */
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

/** Beginnings that are not of the goal, no two of them of neighbouring ranges: as many as can go at once. */
function disjointSurplus(starts: readonly string[], goal: ReadonlySet<string>): string[] {
  const joins: string[] = []
  for (let place = 1; place < starts.length; place++) {
    if (goal.has(starts[place]!)) continue
    joins.push(starts[place]!)
    // The merged range is taken: its upper neighbour has to wait for the next wave.
    place++
  }
  return joins
}
