// What has expired, where stamps may be older than what they stand on. Controller and hosts, pure.
// While a clock is doubted that turns out to be right, or one is believed that turns out to be behind, records are stamped too
// early. By these stamps alone they would expire too early, so such a span of stamps is held: everything from its beginning on
// counts as if it had arrived when the clock was put right.
import type { HeldTime } from '../host-contract.ts'

/** Arrivals before this have expired. */
export function cutoffAt(
  { expiryNow, holds }: { readonly expiryNow: number; readonly holds: readonly HeldTime[] },
  retentionMs: number,
): number {
  const cutoff = expiryNow - retentionMs
  let least = cutoff
  for (const { from, until } of holds) if (cutoff < until) least = Math.min(least, from)
  return least
}

/** A held span of stamps, as the controller knows it. */
export interface Hold extends HeldTime {
  /** The clock was put back to this since, before `until`: if it was right to, everything has arrived by then. */
  readonly backAt: number | null
}

/** As hosts go by it: by the clock that holds now. */
export function heldTimeOf({ from, until, backAt }: Hold): HeldTime {
  return { from, until: Math.min(until, backAt ?? Infinity) }
}

/** After the clock was put back to `now`, and is believed. */
export function afterStepBack(holds: readonly Hold[], now: number): readonly Hold[] {
  return holds.map((hold) =>
    hold.until > now ? { ...hold, backAt: Math.min(hold.backAt ?? now, now) } : hold,
  )
}

/** Fewer are kept apart; the oldest ones become one that holds as much. */
const HOLDS_MAX = 16

/** After the clock went ahead to `now`, and is believed: everything from `from` on has arrived by now, and so has what was held. */
export function afterStepAhead(holds: readonly Hold[], now: number, from: number): readonly Hold[] {
  const known = holds.map((hold): Hold => ({ ...hold, until: Math.min(hold.until, now), backAt: null }))
  const all = [...known, { from, until: now, backAt: null }]
  const [first, second, ...rest] = all
  if (all.length <= HOLDS_MAX || !first || !second) return all
  const until = Math.max(first.until, second.until)
  return [{ from: Math.min(first.from, second.from), until, backAt: null }, ...rest]
}
