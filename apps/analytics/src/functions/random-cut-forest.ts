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
  readonly seed: number
}

export const forestDefaults: ForestOptions = { trees: 50, seed: 20160619 }

/**
 * Returns the score of a point among others; 0 where there are none. `others` has their coordinates, point after point, as many each as the
 * point has. Takes time in proportion to trees and points.
 */
export function anomalyScore(
  point: readonly number[],
  others: readonly number[],
  { trees, seed }: ForestOptions = forestDefaults,
): number {
  const tree = new Tree(point, sortedPoints(others, point.length))
  let sum = 0
  for (let at = 0; at < trees; at++) sum += tree.displacement(randomOf(Math.imul(seed + at, 0x9e3779b1)))
  return sum / trees
}

/** Returns coordinates of the same points in an order of their own: rounding depends on it. */
function sortedPoints(points: readonly number[], dimensions: number): Float64Array {
  if (dimensions === 1) return Float64Array.from(points).sort()
  const places = Array.from({ length: points.length / dimensions }, (_, at) => at * dimensions)
  places.sort((a, b) => {
    for (let d = 0; d < dimensions; d++)
      if (points[a + d] !== points[b + d]) return points[a + d]! - points[b + d]!
    return 0
  })
  return Float64Array.from(places.flatMap((place) => points.slice(place, place + dimensions)))
}

/** The way to a point through trees of it and others. */
class Tree {
  readonly #point: Float64Array
  readonly #others: Float64Array
  readonly #dimensions: number
  /** Places of the others; those that are still beside the point come first. */
  readonly #places: Uint32Array
  readonly #low: Float64Array
  readonly #high: Float64Array

  constructor(point: readonly number[], others: Float64Array) {
    this.#point = Float64Array.from(point)
    this.#others = others
    this.#dimensions = point.length
    this.#places = new Uint32Array(others.length / point.length)
    this.#low = new Float64Array(point.length)
    this.#high = new Float64Array(point.length)
  }

  /** Returns the collusive displacement of the point in one tree. */
  displacement(random: () => number): number {
    const cutOff: number[] = []
    let beside = this.#places.length
    for (let at = 0; at < beside; at++) this.#places[at] = at * this.#dimensions
    for (;;) {
      const kept = this.#cut(beside, random)
      if (kept === beside) break
      cutOff.push(beside - kept)
      beside = kept
    }
    let size = beside + 1
    let most = 0
    for (const rest of cutOff.reverse()) {
      most = Math.max(most, rest / size)
      size += rest
    }
    return most
  }

  /** Cuts the first of the others and the point in two, puts those on its side first, and returns how many that are: all, where none differ. */
  #cut(count: number, random: () => number): number {
    const total = this.#measure(count)
    if (total === 0) return count
    const { dimension, at } = this.#placeOf(random() * total)
    const isLow = this.#point[dimension]! <= at
    let kept = 0
    for (let one = 0; one < count; one++) {
      const place = this.#places[one]!
      if (this.#others[place + dimension]! <= at !== isLow) continue
      this.#places[one] = this.#places[kept]!
      this.#places[kept++] = place
    }
    return kept
  }

  /** Returns the sum of the extents. */
  #measure(count: number): number {
    const [low, high] = [this.#low, this.#high]
    low.set(this.#point)
    high.set(this.#point)
    let total = 0
    for (let d = 0; d < this.#dimensions; d++) {
      for (let one = 0; one < count; one++) {
        const value = this.#others[this.#places[one]! + d]!
        if (value < low[d]!) low[d] = value
        if (value > high[d]!) high[d] = value
      }
      total += high[d]! - low[d]!
    }
    return total
  }

  /** Returns the dimension and the place in it of a place in all extents together. */
  #placeOf(place: number): { readonly dimension: number; readonly at: number } {
    let last = 0
    let left = place
    for (let d = 0; d < this.#dimensions; d++) {
      const extent = this.#high[d]! - this.#low[d]!
      if (extent === 0) continue
      const at = this.#low[d]! + left
      if (left < extent && at < this.#high[d]!) return { dimension: d, at }
      left -= extent
      last = d
    }
    // Rounding may put it at the very end.
    return { dimension: last, at: this.#low[last]! }
  }
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
