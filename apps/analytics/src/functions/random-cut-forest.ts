// Anomaly scores by random cut trees: Guha, Mishra, Roy and Schrijvers, "Robust Random Cut Forest Based Anomaly Detection on Streams"
// (ICML 2016). Pure; the same rows give the same score, as randomness comes from a seed alone.
//
//   A tree cuts a set of points in two until each is alone: first a dimension, with a chance proportional to the extent of the points
//   in it, then a place in that extent, evenly. The score of a point is its collusive displacement (definition 4 of the paper): of all
//   parts of the tree that hold it, the largest of |rest of the part above| / |part|, on average over the trees.
//
//        *  the rest: 4 points            A point far from all others is cut off early: few points with it, many beside it.
//       / \
//      x  ....
//
// Of a tree only the way to the point counts, so that no more of it is made. By the paper's theorems a tree kept up by inserting and
// deleting points is as likely as one made of the points that remain: scores need no state but the rows.

export interface ForestOptions {
  readonly trees: number
  /** Points of a tree, at most. */
  readonly treeSize: number
  readonly seed: number
}

export const forestDefaults: ForestOptions = { trees: 100, treeSize: 256, seed: 20160619 }

type Point = readonly number[]

/** Returns the score of a point among points, of which it is one or not; 0 where there is no other. Dimensions are those of the point. */
export function anomalyScore(
  point: Point,
  among: readonly Point[],
  { trees, treeSize, seed }: ForestOptions = forestDefaults,
): number {
  const others = withoutOne(point, among)
  if (others.length === 0) return 0
  let sum = 0
  for (let tree = 0; tree < trees; tree++) {
    const random = randomOf(Math.imul(seed + tree, 0x9e3779b1))
    sum += displacement(point, sampleOf(others, treeSize - 1, random), random)
  }
  return sum / trees
}

/** Returns the others in an order of their own. */
function withoutOne(point: Point, among: readonly Point[]): Point[] {
  const others = [...among].sort(compare)
  const own = others.findIndex((other) => compare(other, point) === 0)
  if (own >= 0) others.splice(own, 1)
  return others
}

function compare(a: Point, b: Point): number {
  const at = a.findIndex((value, place) => value !== b[place])
  return at < 0 ? 0 : a[at]! - b[at]!
}

/** Returns so many of the points at most, each as likely as any other. */
function sampleOf(points: readonly Point[], count: number, random: () => number): readonly Point[] {
  if (points.length <= count) return points
  const chosen = [...points]
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random() * (chosen.length - at))
    ;[chosen[at], chosen[other]] = [chosen[other]!, chosen[at]!]
  }
  return chosen.slice(0, count)
}

/** Returns the collusive displacement of a point in one tree of it and the others. */
function displacement(point: Point, others: readonly Point[], random: () => number): number {
  const cutOff: number[] = []
  let beside = others
  for (;;) {
    const cut = cutOf(point, beside, random)
    if (cut === undefined) break
    const isLow = point[cut.dimension]! <= cut.at
    const kept = beside.filter((other) => other[cut.dimension]! <= cut.at === isLow)
    cutOff.push(beside.length - kept.length)
    beside = kept
  }
  let size = beside.length + 1
  let most = 0
  for (const rest of cutOff.reverse()) {
    most = Math.max(most, rest / size)
    size += rest
  }
  return most
}

/** Returns where points are cut; undefined where they are all the same. */
function cutOf(point: Point, others: readonly Point[], random: () => number) {
  const low = [...point]
  const high = [...point]
  for (const other of others)
    for (let d = 0; d < point.length; d++) {
      const value = other[d]!
      if (value < low[d]!) low[d] = value
      if (value > high[d]!) high[d] = value
    }
  const extents = low.map((least, d) => high[d]! - least)
  const total = extents.reduce((sum, extent) => sum + extent, 0)
  let place = random() * total
  for (const [dimension, extent] of extents.entries()) {
    const at = low[dimension]! + place
    if (place < extent && at < high[dimension]!) return { dimension, at }
    place -= extent
  }
  // Rounding may put the place at the very end.
  const dimension = extents.findIndex((extent) => extent > 0)
  return dimension < 0 ? undefined : { dimension, at: low[dimension]! }
}

/** Numbers in [0, 1), by mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
