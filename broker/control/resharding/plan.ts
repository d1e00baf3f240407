// Plans splits and merges: which parents become which children, with the children's slots and owners. Runs in the
// controller; pure: takes a state and intents, returns moves, or throws the error that the client gets. The intents of one
// change touch different shards, so its moves can be carried out at the same time, and in any order.
import {
  hashKeyFromHex,
  hashKeyToDecimal,
  hashKeyToHex,
  type HashKeyWords,
} from '../../../protocol/shards/hash-key.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import {
  canSplitAt,
  mergeRanges,
  middleOf,
  splitRange,
  type HashKeyRange,
} from '../../../protocol/shards/shard-map.ts'
import type { ReshardMove } from '../../catalog-contract.ts'
import { openShardsOf, shardsOf, type CatalogState, type Shard, type Stream } from '../catalog-state.ts'
import { ownerLoads, placeChildren } from '../hosts/placement.ts'
import type { MadeQuotas } from '../streams/made-quotas.ts'
import { checkCount, checkNewShards } from '../streams/shard-room.ts'

/**
 * A shard to split, at the hash keys (32 hex digits) where children begin, or in the middle; two shards to merge; or one to
 * replace by a child over the same range.
 */
export type ReshardIntent =
  | { readonly split: number; readonly at: readonly string[] }
  | { readonly merge: readonly [number, number] }
  | { readonly renew: number }

/** The shards that it closes. */
export function parentsOf(intent: ReshardIntent): readonly number[] {
  if ('split' in intent) return [intent.split]
  return 'merge' in intent ? intent.merge : [intent.renew]
}

export interface MovesContext {
  /** Owners that take new shards. */
  readonly owners: readonly number[]
  /** Most open shards that the stream may have after the change. */
  readonly openShardsMax: number
  readonly quotas?: MadeQuotas | undefined
}

/** Parents, and the ranges of their children in rising order. */
interface Cut {
  readonly parents: readonly Shard[]
  readonly ranges: readonly HashKeyRange[]
}

/**
 * Returns the moves that carry out `intents`. Throws `invalidArgument` for a shard that is not open or is named twice, a
 * point outside its range, and shards that are not adjacent; `shardNotFound` for an unknown shard; `limitExceeded` where
 * there would be too many shards; `storageFull` where no owner takes a shard.
 */
export function planMoves(
  state: CatalogState,
  stream: Stream,
  intents: readonly ReshardIntent[],
  context: MovesContext,
  fail: Fail<'shardNotFound' | 'limitExceeded' | 'storageFull'>,
): readonly ReshardMove[] {
  const open = new OpenShards(state, stream, fail)
  const cuts = intents.map((intent) => {
    if ('split' in intent) return splitOf(open, intent)
    return 'merge' in intent ? mergeOf(open, intent.merge) : renewalOf(open, intent.renew)
  })
  checkLimits(state, stream, cuts, context, fail)
  return place(state, stream, cuts, ownerLoads(state, context.owners, fail))
}

/** The open shards of the stream; each can be taken once. */
class OpenShards {
  readonly #state: CatalogState
  readonly #stream: Stream
  readonly #taken = new Set<number>()
  readonly #fail: Fail<'shardNotFound'>

  constructor(state: CatalogState, stream: Stream, fail: Fail<'shardNotFound'>) {
    this.#fail = fail
    this.#state = state
    this.#stream = stream
  }

  take(index: number): Shard {
    const shard = openShardsOf(this.#state, this.#stream.id).get(index)
    if (shard === undefined || this.#taken.has(index)) return this.#refuse(index)
    this.#taken.add(index)
    return shard
  }

  #refuse(index: number): never {
    const { id, name, nextShardIndex } = this.#stream
    const shards = shardsOf(this.#state, id)
    const shard = shards.get(index)
    if (shard === undefined) {
      const why = index < nextShardIndex ? 'has expired' : 'does not exist'
      return this.#fail('shardNotFound', `${shardIdOf(index)} of stream ${name} ${why}.`)
    }
    if (shard.state === 'OPEN') {
      const message = `${shardIdOf(index)} of stream ${name} cannot be changed twice at once.`
      throw refusal('invalidArgument', message)
    }
    // Children have higher indexes than their parents.
    const children = [...shards.values(index)]
      .filter(({ parents }) => parents.includes(index))
      .map((child) => shardIdOf(child.index))
    const became = children.length > 0 ? `became ${children.join(' and ')}` : 'was split or merged'
    const message = `${shardIdOf(index)} of stream ${name} is closed: it ${became}; change what is open.`
    throw refusal('invalidArgument', message)
  }
}

function splitOf(open: OpenShards, { split, at }: { split: number; at: readonly string[] }): Cut {
  const shard = open.take(split)
  const range = rangeOf(shard)
  if (at.length > 2) {
    throw refusal('invalidArgument', `${at.length} points are too many: a split takes at most 2.`)
  }
  const points = at.length === 0 ? [middleOrRefuse(shard)] : at.map(hashKeyFromHex)
  let rest = range
  for (const point of points) {
    if (!canSplitAt(rest, point)) throw refusal('invalidArgument', badPoint(shard, point, rest !== range))
    rest = { start: point, end: range.end }
  }
  return { parents: [shard], ranges: splitRange(range, points) }
}

function middleOrRefuse(shard: Shard): HashKeyWords {
  const range = rangeOf(shard)
  const middle = middleOf(range)
  if (middle !== undefined) return middle
  const message = `${shardIdOf(shard.index)} has a single hash key, ${hashKeyToDecimal(range.start)}: it cannot be split.`
  throw refusal('invalidArgument', message)
}

function badPoint(shard: Shard, point: HashKeyWords, isLater: boolean): string {
  const rule = isLater
    ? 'the second place has to be above the first, up to the end of the range'
    : 'the place has to be above the lowest hash key, up to the end of the range'
  return `${nameWithRange(shard)} cannot be split at ${hashKeyToDecimal(point)}: ${rule}.`
}

/** Names the shard with its range, in decimal hash keys, as clients write them. */
function nameWithRange(shard: Shard): string {
  const { start, end } = rangeOf(shard)
  return `${shardIdOf(shard.index)} (${hashKeyToDecimal(start)} to ${hashKeyToDecimal(end)})`
}

function renewalOf(open: OpenShards, index: number): Cut {
  const shard = open.take(index)
  return { parents: [shard], ranges: [rangeOf(shard)] }
}

function mergeOf(open: OpenShards, [a, b]: readonly [number, number]): Cut {
  if (a === b) {
    throw refusal('invalidArgument', `${shardIdOf(a)} cannot be merged with itself: name a neighbour.`)
  }
  const parents = [open.take(a), open.take(b)] as const
  const merged = mergeRanges(rangeOf(parents[0]), rangeOf(parents[1]))
  if (merged === undefined) {
    const [first, second] = parents.map(nameWithRange)
    throw refusal(
      'invalidArgument',
      `${first} and ${second} are not adjacent: one has to begin right after the other's end.`,
    )
  }
  return { parents, ranges: [merged] }
}

function checkLimits(
  state: CatalogState,
  stream: Stream,
  cuts: readonly Cut[],
  { openShardsMax, quotas }: MovesContext,
  fail: Fail<'limitExceeded'>,
): void {
  const made = cuts.reduce((sum, { ranges }) => sum + ranges.length, 0)
  const closed = cuts.reduce((sum, { parents }) => sum + parents.length, 0)
  // A goal that was given up may have left too many shards: a change that adds none is not refused for that.
  if (made > closed) {
    checkCount(
      openShardsOf(state, stream.id).size + made - closed,
      openShardsMax,
      openShardsMax < limits.shardsPerStreamMax
        ? `open shards of stream ${stream.name} (its scaling.shardsMax, which can be raised)`
        : `open shards of stream ${stream.name}`,
      fail,
    )
  }
  checkNewShards(state, stream, { made, quotas }, fail)
}

/** Assigns indexes, slots and owners to the children, in the order of the moves and of their ranges. */
function place(
  state: CatalogState,
  stream: Stream,
  cuts: readonly Cut[],
  loadsNow: ReadonlyMap<number, number>,
): readonly ReshardMove[] {
  invariant(state.broker !== undefined, 'the catalog has an identity')
  let shardIndex = stream.nextShardIndex
  let slot = state.broker.nextSlot
  const loads = new Map(loadsNow)
  for (const { ownerId } of cuts.flatMap(({ parents }) => parents)) {
    const load = loads.get(ownerId)
    if (load !== undefined) loads.set(ownerId, load - 1)
  }
  const families = cuts.map(({ parents, ranges }) => ({
    parentOwnerIds: parents.map(({ ownerId }) => ownerId),
    children: ranges.length,
  }))
  const ownerIds = placeChildren(loads, families)
  return cuts.map(({ parents, ranges }, move) => ({
    parents: parents.map(({ index }) => index),
    children: ranges.map(({ start, end }, child) => ({
      shardIndex: shardIndex++,
      ownerId: ownerIds[move]![child]!,
      slot: slot++,
      startingHashKey: hashKeyToHex(start),
      endingHashKey: hashKeyToHex(end),
    })),
  }))
}

function rangeOf({ startingHashKey, endingHashKey }: Shard): HashKeyRange {
  return { start: hashKeyFromHex(startingHashKey), end: hashKeyFromHex(endingHashKey) }
}
