// What all copies of the app say of a mapping, as one report: each has some of the shards, and knows of no other's. Runs in the app, pure.
import type { EventSourceCopy, EventSourceReport } from 'millrace/protocol'
import { NOTHING_PROCESSED } from './mapping-meter.ts'

/** Copies that were not heard of for so long are left out. */
export const COPY_LIFE_MS = 60_000

/**
 * The report of these copies, at this time. Where no copy has called the function yet, the last result is that of the report before, of
 * copies that are gone.
 */
export function mergedReport(
  copies: Readonly<Record<string, EventSourceCopy>>,
  before: EventSourceReport | undefined,
  now: number,
): EventSourceReport | undefined {
  const live = Object.entries(copies).filter(([, { at }]) => now - at < COPY_LIFE_MS)
  const parts = live.map(([, copy]) => copy)
  // The last copy has gone: what it said last stands.
  if (parts.length === 0) return before && { ...before, copies: {} }
  const reasons = new Set(parts.flatMap(({ reason }) => reason ?? []))
  const called = parts.filter(({ calledAt }) => calledAt !== undefined)
  const last = called.toSorted((a, b) => b.calledAt! - a.calledAt!)[0] ?? before
  return {
    version: Math.min(...parts.map(({ version }) => version)),
    state: stateOf(parts),
    lastResult: last?.lastResult ?? NOTHING_PROCESSED,
    ...(reasons.size > 0 && { reason: [...reasons].join('; ') }),
    copies: Object.fromEntries(live),
    at: now,
  }
}

/** A mapping is stopped when no copy calls any more. */
function stateOf(copies: readonly EventSourceCopy[]): EventSourceReport['state'] {
  const states = copies.map(({ state }) => state)
  if (states.includes('refused')) return 'refused'
  return states.includes('enabled') ? 'enabled' : 'disabled'
}
