// How far event time has come in an input, from what is known of its shards. Pure: times are given. Event times are microseconds since
// 1970. As Flink, a shard's watermark is its latest event time less the bound on disorder, the input's is the least of its shards', and
// a shard that has had nothing for a while does not count.

/** What is known of a shard. */
export interface ShardTime {
  /** Latest event time of its rows; undefined before the first. */
  readonly latest: number | undefined
  /** Nothing has come for a while, and nothing waits. */
  readonly isIdle: boolean
}

export interface InputTime {
  readonly shards: readonly ShardTime[]
  /** Microseconds by which rows of a shard may be out of order. */
  readonly outOfOrder: number
  /** All rows with an earlier event time are known to be here, whatever the shards say; undefined where nothing is known. */
  readonly floor: number | undefined
}

/** Returns how far event time has come; undefined where that is not known. */
export function watermarkOf({ shards, outOfOrder, floor }: InputTime): number | undefined {
  const held = shards.filter(({ isIdle }) => !isIdle)
  const marks = (held.length > 0 ? held : shards).map(({ latest }) =>
    later(latest === undefined ? undefined : latest - outOfOrder, floor),
  )
  if (held.length > 0) {
    if (marks.includes(undefined)) return floor
    return Math.min(...(marks as number[]))
  }
  // All are idle: the one furthest on decides, or the last windows would stay open until each shard has a row.
  return marks.reduce(later, floor)
}

/** Returns the least of watermarks; undefined where one is not known. */
export function leastOf(watermarks: readonly (number | undefined)[]): number | undefined {
  if (watermarks.length === 0 || watermarks.includes(undefined)) return undefined
  return Math.min(...(watermarks as number[]))
}

function later(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.max(a, b)
}

/** Boundaries at which windows end: full multiples of a length, counted from an offset. Microseconds. */
export interface Boundaries {
  readonly length: number
  readonly offset: number
}

/**
 * Returns the watermark that follows one, where event time has come so far: the same where no window ends in between. Without boundaries,
 * results may come at any time.
 */
export function nextWatermark(
  before: number | null,
  time: number | undefined,
  boundaries: readonly Boundaries[] | undefined,
): number | null {
  if (time === undefined) return before
  if (before === null) return time
  if (time <= before) return before
  return boundaries === undefined || boundaries.some((each) => crosses(each, before, time)) ? time : before
}

/** Whether a boundary lies after one moment, and not after the other. */
export function crosses(boundaries: Boundaries, after: number, until: number): boolean {
  return numberOf(until, boundaries) > numberOf(after, boundaries)
}

/** Time between two watermarks: after one, up to the other. Microseconds; null before the first. */
export interface TimeSpan {
  readonly after: number | null
  readonly until: number | null
}

/** Returns SQL of a moment. */
export function momentSql(microseconds: number | null): string {
  return microseconds === null ? `TIMESTAMP '-infinity'` : `make_timestamp(${microseconds})`
}

/** Returns a boundary that has as many of those in a span before it as behind it; undefined where there are fewer than two after `first`. */
export function cutOf({ after, until }: TimeSpan, first: number, boundaries: Boundaries): number | undefined {
  if (until === null) return undefined
  const before = numberOf(Math.max(after ?? -Infinity, first - 1), boundaries)
  const count = numberOf(until, boundaries) - before
  return count < 2 ? undefined : boundaries.offset + (before + Math.ceil(count / 2)) * boundaries.length
}

/** How many boundaries from the offset on. */
function numberOf(moment: number, { length, offset }: Boundaries): number {
  return Math.floor((moment - offset) / length)
}
