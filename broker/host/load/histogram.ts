// A histogram of weight over a range of hash keys, in bins of equal width. It finds the key that divides the weight in two.
// Host main thread, pure. Weight counts as even within a bin, except for keys that are known to be heavy: each of them is a
// point, which stays whole on one side.
import type { HeavyKey } from './key-sketch.ts'
import { certain } from './key-sketch.ts'

const BINS = 256

/** Bits of a fraction of a piece: as many as a number holds. */
const FRACTION_BITS = 52n

/** Weight that is spread evenly over the hash keys `from` … `to` − 1. */
interface Piece {
  readonly from: bigint
  readonly to: bigint
  readonly weight: number
}

/** The histogram of the hash keys `first` … `last`, both included. */
export class Histogram {
  readonly #first: bigint
  readonly #last: bigint
  readonly #width: bigint
  readonly #bins = new Float32Array(BINS)

  constructor(first: bigint, last: bigint) {
    this.#first = first
    this.#last = last
    this.#width = last - first + 1n
  }

  /** Adds weight to a key; ignores a key outside the range. */
  add(key: bigint, weight: number): void {
    if (this.#holds(key)) this.#bins[this.#binOf(key)]! += weight
  }

  /** Multiplies all weights by a factor. */
  scale(factor: number): void {
    for (let bin = 0; bin < BINS; bin++) this.#bins[bin]! *= factor
  }

  /**
   * Returns the first key of the upper of two parts of equal weight, as nearly as the bins and the heavy keys allow. Both
   * parts hold at least one key. Returns undefined if there is no weight, or if the range is one key.
   */
  balancedKey(heavy: readonly HeavyKey[]): bigint | undefined {
    const pieces = this.#pieces(heavy)
    const total = pieces.reduce((sum, { weight }) => sum + weight, 0)
    if (total === 0 || this.#width === 1n) return undefined
    let below = 0
    for (const piece of pieces) {
      const missing = total / 2 - below
      if (piece.weight > 0 && piece.weight >= missing) {
        return this.#within(piece.from + partOf(piece, missing / piece.weight))
      }
      below += piece.weight
    }
    return this.#last // only rounding leaves a last bit of weight over
  }

  /** Returns the whole range in order: each bin without its heavy keys, and those as pieces of one key. */
  #pieces(heavy: readonly HeavyKey[]): Piece[] {
    const points = heavy
      .filter((entry) => this.#holds(entry.key) && certain(entry) > 0)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
    const pieces: Piece[] = []
    let next = 0
    for (let bin = 0; bin < BINS; bin++) {
      const end = this.#edge(bin + 1)
      const start = next
      while (next < points.length && points[next]!.key < end) next++
      pieces.push(
        ...divided({ from: this.#edge(bin), to: end, weight: this.#bins[bin]! }, points.slice(start, next)),
      )
    }
    return pieces
  }

  #holds(key: bigint): boolean {
    return key >= this.#first && key <= this.#last
  }

  #binOf(key: bigint): number {
    return Number(((key - this.#first) * BigInt(BINS)) / this.#width)
  }

  /** Returns the lowest key of a bin. */
  #edge(bin: number): bigint {
    return this.#first + (BigInt(bin) * this.#width + BigInt(BINS - 1)) / BigInt(BINS)
  }

  /** Moves a first key of the upper part into the range, so that neither part is empty. */
  #within(key: bigint): bigint {
    if (key <= this.#first) return this.#first + 1n
    return key > this.#last ? this.#last : key
  }
}

/** Divides a bin into pieces: its heavy keys as points, and its other weight evenly over the keys between them. */
function divided(bin: Piece, points: readonly HeavyKey[]): Piece[] {
  if (points.length === 0) return [bin]
  const heavy = points.reduce((sum, point) => sum + certain(point), 0)
  const rest = Math.max(0, bin.weight - heavy)
  const pieces: Piece[] = []
  let from = bin.from
  const even = (to: bigint): void => {
    const weight = rest * (Number(to - from) / Number(bin.to - bin.from))
    pieces.push({ from, to, weight })
  }
  for (const point of points) {
    even(point.key)
    from = point.key + 1n
    pieces.push({ from: point.key, to: from, weight: certain(point) })
  }
  even(bin.to)
  return pieces
}

/** Returns how many keys make up this part of a piece, rounded: of a single key, none or all. */
function partOf({ from, to }: Piece, part: number): bigint {
  const scaled = BigInt(Math.round(part * 2 ** Number(FRACTION_BITS)))
  return ((to - from) * scaled + (1n << (FRACTION_BITS - 1n))) >> FRACTION_BITS
}
