// Shard ids as the API takes and gives them. Pure.

/** The highest index that a shard id can name. */
const SHARD_INDEX_MAX = 2 ** 31 - 1

/** `shardIdOf(3)` is 'shardId-000000000003'. Negative indexes, which no shard has, are named as the service names them in errors. */
export function shardIdOf(index: number): string {
  return index < 0
    ? `shardId--${String(-index).padStart(11, '0')}`
    : `shardId-${String(index).padStart(12, '0')}`
}

/**
 * The index that a shard id names; undefined where it names none. As the service does, it takes any text before the first hyphen,
 * and none, and digits without their leading zeros: 'shard-3', '-3' and '3' are the fourth shard.
 */
export function shardIndexOf(text: string): number | undefined {
  const digits = text.split('-')[1] || text
  if (!/^\d+$/.test(digits)) return undefined
  const index = Number(digits)
  return index <= SHARD_INDEX_MAX ? index : undefined
}
