// The hash key ranges of shards, in order, to find the shard of a hash key. Runs in the client, pure. Other than a shard map,
// it takes the ranges of any stream, also of one that is not Millrace's, and does not have to cover all hash keys.
import { compareHashKeys, hashKeyFromDecimal, hashKeyToDecimal } from '../../protocol/shards/hash-key.ts'
import type { HashKeyWords } from '../../protocol/shards/hash-key.ts'
import type { HashKeyRange } from '../../protocol/shards/shard-map.ts'
import { MillraceError } from '../errors.ts'
import type { Shard } from '../streams/descriptions.ts'
import type { AggregationShard } from './aggregate.ts'

export class ShardRanges {
  readonly #ranges: readonly HashKeyRange[]

  /** Throws `invalidArgument` for ranges that are none, or of which two share hash keys. */
  constructor(shards: readonly AggregationShard[]) {
    const open = shards.filter(({ state }) => state !== 'CLOSED')
    const ranges = open.map(({ hashKeyRange }) => rangeOf(hashKeyRange))
    this.#ranges = ranges.toSorted((a, b) => compareHashKeys(a.start, 0, b.start, 0))
    for (const [i, { start }] of this.#ranges.entries()) {
      const below = this.#ranges[i - 1]
      if (below === undefined || compareHashKeys(below.end, 0, start, 0) < 0) continue
      const message = `Two of the shards take the hash key ${hashKeyToDecimal(start)}: leave out those that are closed.`
      throw new MillraceError('invalidArgument', message)
    }
  }

  /** Returns the number of the range that the hash key lies in. Throws `invalidArgument` if it lies in none. */
  indexOf(hashKey: HashKeyWords): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareHashKeys(this.#ranges[middle]!.end, 0, hashKey, 0) < 0) low = middle + 1
      else high = middle
    }
    const range = this.#ranges[low]
    if (range !== undefined && isWithin(hashKey, range)) return low
    const message = `None of the shards takes the hash key ${hashKeyToDecimal(hashKey)}: give all open shards of the stream.`
    throw new MillraceError('invalidArgument', message)
  }
}

/** Returns true if the hash key lies in the range; both ends belong to it. */
export function isWithin(hashKey: HashKeyWords, { start, end }: HashKeyRange): boolean {
  return compareHashKeys(start, 0, hashKey, 0) <= 0 && compareHashKeys(hashKey, 0, end, 0) <= 0
}

/** Reads a range of hash keys in decimal. Throws `invalidArgument`. */
export function rangeOf({ startingHashKey, endingHashKey }: Shard['hashKeyRange']): HashKeyRange {
  const range = {
    start: hashKeyFromDecimal(String(startingHashKey), 'startingHashKey'),
    end: hashKeyFromDecimal(String(endingHashKey), 'endingHashKey'),
  }
  if (compareHashKeys(range.start, 0, range.end, 0) <= 0) return range
  const message = `endingHashKey is ${endingHashKey}, which is below startingHashKey ${startingHashKey}.`
  throw new MillraceError('invalidArgument', message)
}
