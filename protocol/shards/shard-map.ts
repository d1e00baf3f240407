// Arithmetic on hash key ranges: even ranges of a new stream, splits and merges of ranges, and routing of hash keys to
// shards. Runs anywhere, pure. A ShardMap always covers 0 … 2^128−1 exactly once.
import {
  compareHashKeys,
  hashKeyFromBigInt,
  hashKeyToBigInt,
  hashKeyToHex,
  type HashKeyWords,
} from './hash-key.ts'
import { invariant, InvariantError } from '../invariant.ts'

/** A range of hash keys; both ends belong to it. */
export interface HashKeyRange {
  readonly start: HashKeyWords
  readonly end: HashKeyWords
}

const SPACE = 1n << 128n

/** A lookup begins at the part of the hash key space that a hash key's highest bits select; this is the number of bits. */
const PARTS_BITS = 12
const PARTS = 1 << PARTS_BITS

/** The ranges of a new stream, as in Kinesis: steps of floor(2^128 / count); the last range also takes the remainder. */
export function evenRanges(count: number): HashKeyRange[] {
  invariant(
    Number.isSafeInteger(count) && count >= 1,
    `evenRanges needs a whole count of at least 1, got ${count}`,
  )
  const step = SPACE / BigInt(count)
  return Array.from({ length: count }, (_, i) => ({
    start: hashKeyFromBigInt(step * BigInt(i)),
    end: hashKeyFromBigInt(i === count - 1 ? SPACE - 1n : step * BigInt(i + 1) - 1n),
  }))
}

/** Returns true if a range can be split so that its upper part begins with `key`: `key` is in it, and not its lowest. */
export function canSplitAt({ start, end }: HashKeyRange, key: HashKeyWords): boolean {
  return compareHashKeys(start, 0, key, 0) < 0 && compareHashKeys(key, 0, end, 0) <= 0
}

/** Splits a range into parts, in rising order. Each part but the first begins with one of `keys`, which must rise. */
export function splitRange(range: HashKeyRange, keys: readonly HashKeyWords[]): HashKeyRange[] {
  let rest = range
  const lower = keys.map((key) => {
    invariant(canSplitAt(rest, key), `a range cannot be split at ${hashKeyToHex(key)}`)
    const part = { start: rest.start, end: hashKeyFromBigInt(hashKeyToBigInt(key) - 1n) }
    rest = { start: key, end: range.end }
    return part
  })
  return [...lower, rest]
}

/** The first hash key of the upper half of a range; undefined for a range of one hash key. */
export function middleOf({ start, end }: HashKeyRange): HashKeyWords | undefined {
  const from = hashKeyToBigInt(start)
  const half = (hashKeyToBigInt(end) - from + 1n) / 2n
  return half === 0n ? undefined : hashKeyFromBigInt(from + half)
}

/** Merges two adjacent ranges, given in either order. Returns undefined if they are not adjacent. */
export function mergeRanges(a: HashKeyRange, b: HashKeyRange): HashKeyRange | undefined {
  if (isFollowedBy(a, b)) return { start: a.start, end: b.end }
  return isFollowedBy(b, a) ? { start: b.start, end: a.end } : undefined
}

function isFollowedBy(lower: HashKeyRange, upper: HashKeyRange): boolean {
  return isNextKey(lower.end, upper.start)
}

/** Returns true if `b` is `a` + 1, without wrapping at the highest hash key. */
function isNextKey(a: HashKeyWords, b: HashKeyWords): boolean {
  let carry = 1
  for (let i = 3; i >= 0; i--) {
    const sum = a[i]! + carry
    if (sum >>> 0 !== b[i]) return false
    carry = sum > 0xffff_ffff ? 1 : 0
  }
  return carry === 0
}

/** Routes hash keys to the open shards of one epoch. Immutable. */
export class ShardMap {
  /** Start of each range in rising order, four words each, in one array, so that a lookup touches no objects. */
  readonly #starts: Uint32Array
  readonly #indexes: readonly number[]
  /** For each part of the space, the position of the range that holds the part's first hash key. */
  readonly #places = new Uint32Array(PARTS)

  /** Throws an InvariantError unless the ranges cover the hash key space exactly once. */
  constructor(shards: readonly { readonly index: number; readonly range: HashKeyRange }[]) {
    const sorted = shards.toSorted((a, b) => compareHashKeys(a.range.start, 0, b.range.start, 0))
    this.#starts = new Uint32Array(sorted.length * 4)
    this.#indexes = sorted.map((shard) => shard.index)
    // Words are compared, not bigints: a client makes a map for each change of shards, and bigints would be most of the cost.
    let below: HashKeyWords | undefined
    for (const [i, { index, range }] of sorted.entries()) {
      const isNext =
        below === undefined ? range.start.every((word) => word === 0) : isNextKey(below, range.start)
      if (!isNext || compareHashKeys(range.start, 0, range.end, 0) > 0) {
        throw new InvariantError(
          `Shards must cover every hash key exactly once: shard ${index} is ${hashKeyToHex(range.start)} to ` +
            `${hashKeyToHex(range.end)}, right after ${below === undefined ? 'nothing' : hashKeyToHex(below)}`,
        )
      }
      this.#starts.set(range.start, i * 4)
      below = range.end
    }
    invariant(
      below?.every((word) => word === 0xffff_ffff),
      `Shards must cover every hash key exactly once: the highest end at ${below && hashKeyToHex(below)}`,
    )
    this.#fillPlaces()
  }

  /** Index of the shard whose range holds the hash key at `words[at…at+3]`. */
  route(words: Uint32Array, at = 0): number {
    const part = words[at]! >>> (32 - PARTS_BITS)
    let low = this.#places[part]!
    let high = part + 1 < PARTS ? this.#places[part + 1]! : this.#indexes.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (compareHashKeys(this.#starts, middle * 4, words, at) <= 0) low = middle
      else high = middle - 1
    }
    return this.#indexes[low]!
  }

  #fillPlaces(): void {
    const first = new Uint32Array(4)
    let place = 0
    for (let part = 0; part < PARTS; part++) {
      first[0] = part << (32 - PARTS_BITS)
      while (
        place + 1 < this.#indexes.length &&
        compareHashKeys(this.#starts, (place + 1) * 4, first, 0) <= 0
      ) {
        place++
      }
      this.#places[part] = place
    }
  }
}
