// How weight lies over a range of hash keys, in bins of even width, and where it divides in two. Host main thread, pure.
// Between two bins' edges weight counts as even, except for keys that are known to be heavy: those are points, which stay on
// one side whole.
import type { HeavyKey } from './key-sketch.ts'
import { certain } from './key-sketch.ts'

const BINS = 256

/** Enough for a place within the widest piece: what a number holds. */
const FRACTION_BITS = 52n

/** Weight that lies evenly over the hash keys `from` … `to` − 1. */
interface Piece {
  readonly from: bigint
  readonly to: bigint
  readonly weight: number
}

/** Over the hash keys `first` … `last`, both included. */
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

  /** Adds weight to a key; one outside the range is no concern of this histogram. */
  add(key: bigint, weight: number): void {
    if (this.#holds(key)) this.#bins[this.#binOf(key)]! += weight
  }

  /** Lets everything fade. */
  scale(factor: number): void {
    for (let bin = 0; bin < BINS; bin++) this.#bins[bin]! *= factor
  }

  /**
   * The key that begins the upper of two parts which weigh the same, as nearly as the bins and the heavy keys allow; both
   * hold at least one key. Undefined where there is no weight, or one key is the whole range.
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
    return this.#last // rounding left a last bit of weight over
  }

  /** All of the range, in order: each bin without its heavy keys, and those as pieces of one key. */
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

  /** The lowest key of a bin. */
  #edge(bin: number): bigint {
    return this.#first + (BigInt(bin) * this.#width + BigInt(BINS - 1)) / BigInt(BINS)
  }

  /** As the first key of the upper part: the lower one must not be empty either. */
  #within(key: bigint): bigint {
    if (key <= this.#first) return this.#first + 1n
    return key > this.#last ? this.#last : key
  }
}

/** A bin in pieces: its heavy keys as points, and what else it weighs, evenly over what lies between them. */
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

/** How many of its keys make up this part of a piece, to the nearest: of a single key, none or all. */
function partOf({ from, to }: Piece, part: number): bigint {
  const scaled = BigInt(Math.round(part * 2 ** Number(FRACTION_BITS)))
  return ((to - from) * scaled + (1n << (FRACTION_BITS - 1n))) >> FRACTION_BITS
}
