// Random numbers from a seed, so that a load can be repeated: the same keys and sizes in the same order. Pure.

/** From 0 to below 1. */
export type Random = () => number

const STEP = 0x6d2b79f5
const RANGE = 2 ** 32

/** Mulberry32: passes what a load asks of it, and costs a few multiplications. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + STEP) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / RANGE
  }
}
