// When the records of an open loop are due: at an even rate, or at one that rises or falls evenly. Pure.

/** Rates are a second, times in milliseconds from the first arrival. */
export interface Arrivals {
  readonly from: number
  /** The rate from `steadyMs + rampMs` on. */
  readonly to: number
  /** How long the rate stays at `from` before it begins to change. */
  readonly steadyMs: number
  /** How long it takes from `from` to `to`. */
  readonly rampMs: number
}

/** Arrivals at one rate, for ever. */
export function evenArrivals(perSecond: number): Arrivals {
  return { from: perSecond, to: perSecond, steadyMs: 0, rampMs: 0 }
}

/** How many arrivals lie in the first `ms`; fractional. */
export function arrivalsWithin(ms: number, { from, to, steadyMs, rampMs }: Arrivals): number {
  const ramped = Math.min(Math.max(0, ms - steadyMs), rampMs)
  const rise = rampMs === 0 ? 0 : ((to - from) * ramped * ramped) / (2 * rampMs)
  const after = Math.max(0, ms - steadyMs - rampMs)
  return (from * Math.min(ms, steadyMs) + from * ramped + rise + to * after) / 1000
}

/** When the arrival of this index is due; the first has index 0. The inverse of `arrivalsWithin`. */
export function timeOfArrival(index: number, { from, to, steadyMs, rampMs }: Arrivals): number {
  const steady = (from * steadyMs) / 1000
  if (index <= steady) return (index * 1000) / from
  const left = (index - steady) * 1000
  const inRamp = ((from + to) / 2) * rampMs
  if (left >= inRamp) return steadyMs + rampMs + (left - inRamp) / to
  // The smaller root of `slope / 2 · t² + from · t = left`, in the form that does not cancel for a small slope.
  const slope = (to - from) / rampMs
  return steadyMs + (2 * left) / (from + Math.sqrt(from * from + 2 * slope * left))
}
