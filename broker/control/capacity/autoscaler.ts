// Decides which shards of one stream to split and to merge, and says why. Runs in the controller; pure: the same loads give
// the same decisions, whether they are carried out or only explained. The target is the stream's target rate, or half of
// the shard's write limit where that is lower. A split rule is met when bytes or records meet it, a merge rule when both
// do. A shard whose host has been silent for 10 s is left alone.
//
// | while                    | and                                                          | then                        |
// | ------------------------ | ------------------------------------------------------------ | --------------------------- |
// | fewer shards than min    |                                                              | split the busiest           |
// | more shards than max     | all loads are known                                          | merge the quietest          |
// | a shard takes more than  | one hash key alone takes more than the target and the rest   | report the hot key          |
// | the target over 10 s     | does not, or the range is one hash key, or three splits in a |                             |
// | and over 2 min           | row divided nothing (and the next one has to wait)           |                             |
// |                          | it was made in the last 15 s (four times as long with each   | wait                        |
// |                          | split in a row, from the second on, that divided nothing)    |                             |
// |                          | the stream has its most shards                               | wait                        |
// |                          | else                                                         | split it, the fullest first |
// | two neighbours together  | more shards than min, and both are as they are, and have     | merge them, the quietest    |
// | take less than 40 % of   | been watched, for 10 min                                     | first                       |
// | the target over 10 s,    |                                                              |                             |
// | 2 min and 10 min         |                                                              |                             |
//
// The 2 min mean of a load that is known for less time is taken over the known time, but over half a minute at least: a new
// stream that takes three times its target is split after 10 s. So a burst may split a new stream needlessly, but only in
// its first 2 min.
//
// A steady load cannot make it oscillate: a split needs more than the whole target, a merge less than 40 % of it, so the
// outcome of one never meets the rule of the other; and 10 min lie between a split and a merge of its children.
import type { Scaling, ScalingDecision, ShardLimits } from '../../../protocol/operations.ts'
import type { Rate } from './load-window.ts'
import type { ObservedLoad } from './load-windows.ts'
import { reasons } from './reasons.ts'
import {
  fillOf,
  fillOfPair,
  hotKeyOf,
  isAbove,
  isDivisible,
  isKnown,
  pairsOf,
  quietestFirst,
  scalingRules,
  targetOf,
  type KnownPair,
  type KnownShard,
  type Pair,
  type ScalingShard,
} from './scaling-rules.ts'

export interface ScalingInput {
  /** The open shards of the stream. */
  readonly shards: readonly ScalingShard[]
  readonly scaling: Scaling
  readonly shardLimits: ShardLimits
}

/**
 * Returns all splits and merges to make now, each shard in one decision at most, so that all can be made at once; and a
 * decision for each shard that takes too much but is left alone.
 */
export function decideScaling({ shards, scaling, shardLimits }: ScalingInput): readonly ScalingDecision[] {
  const target = targetOf(scaling, shardLimits)
  const inOrder = sorted(shards)
  if (shards.length < scaling.shardsMin) return splitsToReach(scaling, inOrder)
  if (shards.length > scaling.shardsMax) return mergesToReach(scaling, inOrder, target)
  const overloaded = overloadDecisions(inOrder.filter(isKnown), target, scaling, shards.length)
  const taken = new Set(overloaded.flatMap((decision) => decision.shards))
  const splits = overloaded.filter(({ action }) => action === 'split').length
  const room = shards.length + splits - scaling.shardsMin
  if (room <= 0) return overloaded
  const isQuiet = (pair: Pair): boolean =>
    !pair.some(({ index }) => taken.has(index)) && isMergeable(pair, target)
  const merges = disjoint(pairsOf(inOrder).filter(isQuiet), target, room).map((pair): ScalingDecision => ({
    action: 'merge',
    shards: pair.map(({ index }) => index),
    reason: reasons.quiet(pair, target),
  }))
  return [...overloaded, ...merges]
}

/** Returns the decisions of `decideScaling`; where no split or merge is due, one more for the stream that says why. */
export function explainScaling(input: ScalingInput): readonly ScalingDecision[] {
  const decisions = decideScaling(input)
  if (
    decisions.some(({ action, shards }) => action === 'split' || action === 'merge' || shards.length === 0)
  ) {
    return decisions
  }
  const { scaling, shardLimits } = input
  const inOrder = sorted(input.shards)
  const target = targetOf(scaling, shardLimits)
  const reason = reasons.nothing({ inOrder, scaling, target, overloaded: decisions.length })
  return [...decisions, { action: 'none', shards: [], reason }]
}

function sorted(shards: readonly ScalingShard[]): readonly ScalingShard[] {
  return shards.toSorted((a, b) => (a.startingHashKey < b.startingHashKey ? -1 : 1))
}

/** Returns a decision for every shard that takes more than the target, the fullest first. */
function overloadDecisions(
  known: readonly KnownShard[],
  target: Rate,
  scaling: Scaling,
  shardCount: number,
): readonly ScalingDecision[] {
  let room = scaling.shardsMax - shardCount
  return known
    .filter(({ load }) => isAbove(load.rates, target))
    .toSorted((a, b) => fillOf(b, target) - fillOf(a, target))
    .map((shard): ScalingDecision => {
      const shards = [shard.index]
      const hot = hotReason(shard, target)
      if (hot !== undefined) return { action: 'hotKey', shards, reason: hot }
      const waitMs = splitCoolDownMs(shard.load) - shard.load.ageMs
      if (waitMs > 0) return { action: 'none', shards, reason: reasons.coolDown(shard, target, waitMs) }
      if (room <= 0)
        return { action: 'none', shards, reason: reasons.atMost(shard, target, scaling.shardsMax) }
      room -= 1
      return { action: 'split', shards, reason: reasons.overloaded(shard, target) }
    })
}

/** Returns why no split would help the shard; undefined where one would. */
function hotReason(shard: KnownShard, target: Rate): string | undefined {
  const { load } = shard
  if (!isDivisible(shard)) return reasons.oneHashKey(shard, target)
  const hashKey = hotKeyOf(load, target)
  const part = load.hot?.part ?? 0
  // Where the load without the hot key is above the target too, a split still helps.
  if (hashKey !== undefined && !isAbove(load.rates, target, 1 - part)) {
    return reasons.hotKey(shard, target, hashKey, part)
  }
  const isFutile = load.skewedSplits >= scalingRules.skewedSplitsMax && load.ageMs < splitCoolDownMs(load)
  return isFutile ? reasons.undivided(shard, target, splitCoolDownMs(load) - load.ageMs) : undefined
}

/** Returns the cool-down before the next split. It quadruples with each further skewed split in a row. */
function splitCoolDownMs({ skewedSplits }: ObservedLoad): number {
  return scalingRules.splitCoolDownMs * 4 ** Math.max(0, skewedSplits - 1)
}

function isMergeable(pair: Pair, target: Rate): pair is KnownPair {
  const [a, b] = pair
  if (!isKnown(a) || !isKnown(b)) return false
  const isSettled = ({ load }: KnownShard): boolean =>
    Math.min(load.ageMs, load.watchedMs) >= scalingRules.mergeCoolDownMs
  return isSettled(a) && isSettled(b) && fillOfPair([a, b], target) < scalingRules.mergeBelowPart
}

/** Chooses up to `room` pairs that share no shard, the quietest first. */
function disjoint(pairs: readonly Pair[], target: Rate, room: number): readonly KnownPair[] {
  const taken = new Set<number>()
  const chosen: KnownPair[] = []
  for (const pair of quietestFirst(pairs, target)) {
    if (chosen.length >= room) break
    if (pair.some(({ index }) => taken.has(index))) continue
    for (const { index } of pair) taken.add(index)
    chosen.push(pair)
  }
  return chosen
}

/** Splits the busiest shards, then the widest, until the stream has `shardsMin` shards. */
function splitsToReach({ shardsMin }: Scaling, inOrder: readonly ScalingShard[]): readonly ScalingDecision[] {
  const bytesOf = ({ load }: ScalingShard): number => load?.rates.twoMinutes.bytes ?? 0
  const widthOf = ({ startingHashKey, endingHashKey }: ScalingShard): number =>
    Number(BigInt(`0x${endingHashKey}`) - BigInt(`0x${startingHashKey}`))
  return inOrder
    .filter(isDivisible)
    .toSorted((a, b) => bytesOf(b) - bytesOf(a) || widthOf(b) - widthOf(a))
    .slice(0, shardsMin - inOrder.length)
    .map(({ index }) => ({
      action: 'split',
      shards: [index],
      reason: reasons.tooFew(inOrder.length, shardsMin),
    }))
}

/** Merges the quietest neighbours until the stream has `shardsMax` shards. */
function mergesToReach(
  { shardsMax }: Scaling,
  inOrder: readonly ScalingShard[],
  target: Rate,
): readonly ScalingDecision[] {
  const unknown = inOrder.filter((shard) => !isKnown(shard)).length
  if (unknown > 0) {
    return [
      { action: 'none', shards: [], reason: reasons.tooManyUnknown(inOrder.length, shardsMax, unknown) },
    ]
  }
  return disjoint(pairsOf(inOrder), target, inOrder.length - shardsMax).map((pair) => ({
    action: 'merge',
    shards: pair.map(({ index }) => index),
    reason: reasons.tooMany(inOrder.length, shardsMax, pair),
  }))
}
