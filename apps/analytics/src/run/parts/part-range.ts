// Which records a unit of a query reads: those of its range of hash keys. Pure. The ranges are those of the shards of a stream that is made with
// as many: a part of it has a shard to itself.
import type { HashKeys, Shard } from 'millrace'
import type { QuerySharing, QueryUnit } from 'millrace/protocol'

const HASH_KEYS = 1n << 128n

/** Returns the hash keys of a unit; undefined where it reads all. */
export function hashKeysOf(unit: QueryUnit, sharing: QuerySharing | undefined): HashKeys | undefined {
  if (sharing === undefined || unit.stage === 'whole') return undefined
  const { parts } = sharing
  const step = HASH_KEYS / BigInt(parts)
  const from = step * BigInt(unit.part)
  const to = unit.part === parts - 1 ? HASH_KEYS - 1n : from + step - 1n
  return { from: String(from), to: String(to) }
}

/** Whether a shard has one of the hash keys. */
export function holdsOneOf(
  { hashKeyRange: { startingHashKey, endingHashKey } }: Pick<Shard, 'hashKeyRange'>,
  hashKeys: HashKeys | undefined,
): boolean {
  if (hashKeys === undefined) return true
  return BigInt(startingHashKey) <= BigInt(hashKeys.to) && BigInt(endingHashKey) >= BigInt(hashKeys.from)
}
