// The terms of the autoscaler's rules: shards with their loads, the target, and how full a shard is. Runs in the
// controller; pure.
import type { Scaling, ShardLimits } from '../../../protocol/operations.ts'
import type { Rate } from './load-window.ts'
import type { ObservedLoad } from './load-windows.ts'

const SECOND_MS = 1000

/** The figures in the table of autoscaler.ts. */
export const scalingRules = {
  silentMsMax: 10 * SECOND_MS,
  splitCoolDownMs: 15 * SECOND_MS,
  /** After this many skewed splits in a row, a hot key is assumed to be the cause. */
  skewedSplitsMax: 3,
  mergeCoolDownMs: 600 * SECOND_MS,
  mergeBelowPart: 0.4,
} as const

export interface ScalingShard {
  readonly index: number
  /** 32 hex digits. */
  readonly startingHashKey: string
  readonly endingHashKey: string
  /** Undefined until its host has reported it. */
  readonly load: ObservedLoad | undefined
}

/** A shard whose load is known and recent. */
export interface KnownShard extends ScalingShard {
  readonly load: ObservedLoad
}

export type Pair = readonly [ScalingShard, ScalingShard]
export type KnownPair = readonly [KnownShard, KnownShard]

/** Returns the rate that a shard is meant to take at most. */
export function targetOf(scaling: Scaling, limits: ShardLimits): Rate {
  const halfOf = (limit: number): number => (limit === 0 ? Infinity : Math.max(1, limit / 2))
  return {
    bytes: Math.min(scaling.targetBytesPerSecond, halfOf(limits.writeBytesPerSecond)),
    records: Math.min(scaling.targetRecordsPerSecond, halfOf(limits.writeRecordsPerSecond)),
  }
}

/** Returns the hash key that alone takes more than the target, if one is known. */
export function hotKeyOf({ rates, hot }: ObservedLoad, target: Rate): string | undefined {
  return hot !== null && isAbove(rates, target, hot.part) ? hot.hashKey : undefined
}

/** True if bytes or records, multiplied by `part`, are above the target over both 10 s and 2 min. */
export function isAbove({ tenSeconds, twoMinutes }: ObservedLoad['rates'], target: Rate, part = 1): boolean {
  const over = (field: keyof Rate): boolean =>
    tenSeconds[field] * part > target[field] && twoMinutes[field] * part > target[field]
  return over('bytes') || over('records')
}

/** Returns how full a shard is, for ordering: its steady load as a part of the target. */
export function fillOf(shard: KnownShard, target: Rate): number {
  return fillBy(mainField(shard, target), shard, target)
}

/** Returns which of bytes and records fills the shard more. */
export function mainField(shard: KnownShard, target: Rate): keyof Rate {
  return fillBy('records', shard, target) > fillBy('bytes', shard, target) ? 'records' : 'bytes'
}

function fillBy(field: keyof Rate, { load }: KnownShard, target: Rate): number {
  return Math.min(load.rates.tenSeconds[field], load.rates.twoMinutes[field]) / target[field]
}

/** Returns all pairs of neighbours, in the order of their ranges. */
export function pairsOf(inOrder: readonly ScalingShard[]): readonly Pair[] {
  return inOrder.slice(1).map((shard, place) => [inOrder[place]!, shard])
}

/** Returns the pairs in which both loads are known, the quietest first. */
export function quietestFirst(pairs: readonly Pair[], target: Rate): readonly KnownPair[] {
  const known = pairs.filter((pair): pair is KnownPair => pair.every(isKnown))
  return known.toSorted((a, b) => fillOfPair(a, target) - fillOfPair(b, target))
}

/** Returns how full one shard with the load of both would be: its greatest mean of all windows, as a part of the target. */
export function fillOfPair([a, b]: KnownPair, target: Rate): number {
  let fill = 0
  for (const window of ['tenSeconds', 'twoMinutes', 'tenMinutes'] as const) {
    for (const field of ['bytes', 'records'] as const) {
      fill = Math.max(fill, (a.load.rates[window][field] + b.load.rates[window][field]) / target[field])
    }
  }
  return fill
}

/** True if the load is known and recent. A shard whose host is silent is left alone. */
export function isKnown(shard: ScalingShard): shard is KnownShard {
  return shard.load !== undefined && shard.load.silentMs < scalingRules.silentMsMax
}

/** A range of one hash key cannot be split. */
export function isDivisible({ startingHashKey, endingHashKey }: ScalingShard): boolean {
  return startingHashKey !== endingHashKey
}
