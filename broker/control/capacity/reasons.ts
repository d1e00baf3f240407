// The reasons of the autoscaler's decisions, as sentences with figures. Runs in the controller; pure.
import { hashKeyFromHex, hashKeyToDecimal } from '../../../protocol/shards/hash-key.ts'
import type { Scaling } from '../../../protocol/operations.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { Rate } from './load-window.ts'
import {
  fillOf,
  fillOfPair,
  isKnown,
  mainField,
  pairsOf,
  quietestFirst,
  scalingRules,
  type KnownPair,
  type KnownShard,
  type ScalingShard,
} from './scaling-rules.ts'
import { countOf } from '../../../protocol/text/count-text.ts'

const counts = new Intl.NumberFormat('en')

/** A stream for which no split or merge is due. */
export interface IdleStream {
  /** Its open shards, in the order of their hash key ranges. */
  readonly inOrder: readonly ScalingShard[]
  readonly scaling: Scaling
  readonly target: Rate
  /** Number of shards above the target that are left alone, for reasons given elsewhere. */
  readonly overloaded: number
}

export const reasons = {
  overloaded: (shard: KnownShard, target: Rate): string => `${took(shard, target)}.`,

  coolDown: (shard: KnownShard, target: Rate, waitMs: number): string =>
    `${took(shard, target)}, but was made ${seconds(shard.load.ageMs)} ago: it is split in ${seconds(waitMs)} if that lasts.`,

  atMost: (shard: KnownShard, target: Rate, shardsMax: number): string =>
    `${took(shard, target)}, but the stream has its most shards, ${shardsMax}: raise scaling.shardsMax.`,

  oneHashKey: (shard: KnownShard, target: Rate): string =>
    `${took(shard, target)}, all of it of one hash key, ${decimal(shard.startingHashKey)}: nothing is left to divide.`,

  hotKey: (shard: KnownShard, target: Rate, hashKey: string, part: number): string =>
    `${took(shard, target)}, ${percent(part)} of it of one hash key, ${decimal(hashKey)}, which is too much for a shard` +
    ` of its own: a split would not help. Split at that hash key and the next one to keep it from the others.`,

  undivided: (shard: KnownShard, target: Rate, waitMs: number): string =>
    `${took(shard, target)}, and the last ${shard.load.skewedSplits} splits left nearly all of that in one child: it comes` +
    ` of one hash key, or of a few close to each other. The next split is tried in ${seconds(waitMs)}.`,

  quiet: (pair: KnownPair, target: Rate): string =>
    `${names(pair)} together took no more than ${percent(fillOfPair(pair, target))} of ${figures(target)} over 10 s, 2 min` +
    ` and 10 min, below ${percent(scalingRules.mergeBelowPart)}, and have not changed for 10 min.`,

  tooFew: (count: number, shardsMin: number): string =>
    `The stream has ${shards(count)}, fewer than its bound of ${shardsMin} at least.`,

  tooMany: (count: number, shardsMax: number, pair: KnownPair): string =>
    `The stream has ${shards(count)}, more than its bound of ${shardsMax} at most, and ${names(pair)} take the least.`,

  tooManyUnknown: (count: number, shardsMax: number, unknown: number): string =>
    `The stream has ${shards(count)}, more than its bound of ${shardsMax} at most, but the loads of ${unknown} are not known yet.`,

  nothing: (idle: IdleStream): string =>
    [whyNoSplit(idle), whyNoMerge(idle), silent(idle)].filter((sentence) => sentence !== '').join(' '),
}

function whyNoSplit({ inOrder, target, overloaded }: IdleStream): string {
  if (overloaded > 0) return ''
  const known = inOrder.filter(isKnown)
  const busiest = known.toSorted((a, b) => fillOf(b, target) - fillOf(a, target))[0]
  if (busiest === undefined) return 'No load is known yet.'
  return `No shard took more than ${figures(target)} over both 10 s and 2 min; the busiest: ${over(busiest, mainField(busiest, target))}.`
}

function whyNoMerge({ inOrder, scaling, target }: IdleStream): string {
  if (inOrder.length <= scaling.shardsMin) return `The stream has its fewest shards, ${scaling.shardsMin}.`
  const quietest = quietestFirst(pairsOf(inOrder), target)[0]
  if (quietest === undefined) return ''
  const fill = fillOfPair(quietest, target)
  const below = percent(scalingRules.mergeBelowPart)
  if (fill >= scalingRules.mergeBelowPart) {
    return `No two neighbours together took less than ${below} of the target; the least, ${percent(fill)}.`
  }
  const settledMs = Math.min(...quietest.map(({ load }) => Math.min(load.ageMs, load.watchedMs)))
  if (settledMs >= scalingRules.mergeCoolDownMs) return ''
  return (
    `${names(quietest)} together took less than ${below} of the target, but have been watched as they are for` +
    ` ${seconds(settledMs)} only, of ${seconds(scalingRules.mergeCoolDownMs)}.`
  )
}

function silent({ inOrder }: IdleStream): string {
  const unknown = inOrder.filter((shard) => !isKnown(shard)).length
  return unknown === 0 ? '' : `The load of ${shards(unknown)} is not known.`
}

/** The start of a sentence on a shard above its target. */
function took(shard: KnownShard, target: Rate): string {
  const field = mainField(shard, target)
  return `${over(shard, field)}, above ${figure(target[field], field)}`
}

function over({ index, load }: KnownShard, field: keyof Rate): string {
  const { tenSeconds, twoMinutes } = load.rates
  return `${shardIdOf(index)} took ${figure(tenSeconds[field], field)} over 10 s and ${figure(twoMinutes[field], field)} over 2 min`
}

function figures(target: Rate): string {
  return `${figure(target.bytes, 'bytes')} or ${figure(target.records, 'records')}`
}

function figure(perSecond: number, field: keyof Rate): string {
  if (field === 'records') return `${counts.format(Math.round(perSecond))} records/s`
  const units = ['B/s', 'KiB/s', 'MiB/s', 'GiB/s', 'TiB/s']
  let [amount, unit] = [perSecond, 0]
  while (amount >= 1024 && unit < units.length - 1) [amount, unit] = [amount / 1024, unit + 1]
  return `${unit === 0 ? Math.round(amount) : Number(amount.toFixed(1))} ${units[unit]}`
}

function names(pair: KnownPair): string {
  return pair.map(({ index }) => shardIdOf(index)).join(' and ')
}

function shards(count: number): string {
  return countOf(count, 'shard')
}

function seconds(ms: number): string {
  return ms < 120_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.ceil(ms / 60_000)} min`
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`
}

function decimal(hashKey: string): string {
  return hashKeyToDecimal(hashKeyFromHex(hashKey))
}
