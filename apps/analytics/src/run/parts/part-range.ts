// Which records a unit of a query reads: those of its range of hash keys. Pure. The ranges are those of the shards of a stream that is made with
// as many: a part of it has a shard to itself.
import type { HashKeys, Shard } from 'millrace'
import type { QuerySharing, QueryUnit } from 'millrace/protocol'

const HASH_KEYS = 1n << 128n

/** Returns the hash keys of a unit; undefined where it reads all. */
export function hashKeysOf(unit: QueryUnit, sharing: QuerySharing | undefined): HashKeys | undefined {
  if (sharing === undefined || unit.stage === 'whole') return undefined
  return partRanges(sharing.parts)[unit.part]
}

/** Returns the hash keys of each of so many parts. */
export function partRanges(parts: number): readonly HashKeys[] {
  const step = HASH_KEYS / BigInt(parts)
  return Array.from({ length: parts }, (_, part) => {
    const from = step * BigInt(part)
    return { from: String(from), to: String(part === parts - 1 ? HASH_KEYS - 1n : from + step - 1n) }
  })
}

/** Returns the first hash key that a shard has of each of the ranges that it has some of. */
export function beginsOf(shard: Pick<Shard, 'hashKeyRange'>, ranges: readonly HashKeys[]): readonly string[] {
  const { startingHashKey } = shard.hashKeyRange
  return ranges
    .filter((range) => holdsOneOf(shard, range))
    .map(({ from }) => String(BigInt(from) > BigInt(startingHashKey) ? from : startingHashKey))
}

/** Whether a shard has one of the hash keys. */
export function holdsOneOf(
  { hashKeyRange: { startingHashKey, endingHashKey } }: Pick<Shard, 'hashKeyRange'>,
  hashKeys: HashKeys | undefined,
): boolean {
  if (hashKeys === undefined) return true
  return BigInt(startingHashKey) <= BigInt(hashKeys.to) && BigInt(endingHashKey) >= BigInt(hashKeys.from)
}
