// What several copies of the app say of one mapping, as one report.
import { expect, it } from 'vitest'
import type { EventSourceCopy, EventSourceReport } from 'millrace/protocol'
import { COPY_LIFE_MS, mergedReport } from '../../src/reports/merged-report.ts'

const NOW = 1_750_000_000_000
const counters = {
  polledEventCount: 1,
  filteredOutEventCount: 0,
  invokedEventCount: 1,
  failedInvokeEventCount: 0,
  droppedEventCount: 0,
}

const copy = (more: Partial<EventSourceCopy> = {}): EventSourceCopy => ({
  version: 1,
  state: 'enabled',
  lastResult: 'No records processed',
  counters,
  at: NOW,
  ...more,
})

const before: EventSourceReport = { version: 3, state: 'enabled', lastResult: 'OK', at: 1, reason: 'once' }

it('has why each copy stands still, though the others do not', () => {
  const a = copy({ reason: 'shardId-000000000000: retrying' })
  const b = copy({ reason: 'shardId-000000000001: throttled' })
  expect(mergedReport({ a, b, c: copy() }, undefined, NOW)).toMatchObject({
    reason: 'shardId-000000000000: retrying; shardId-000000000001: throttled',
    copies: { a, b, c: copy() },
  })
  expect(mergedReport({ a, b: a }, undefined, NOW)!.reason).toBe(a.reason)
  expect(mergedReport({ a: copy() }, before, NOW)).not.toHaveProperty('reason')
})

it('has the result of the last call of all, or that of copies that are gone', () => {
  const failed = copy({ lastResult: 'PROBLEM: Function call failed', calledAt: NOW - 10 })
  const ok = copy({ lastResult: 'OK', calledAt: NOW - 20 })
  const resultOf = (copies: Record<string, EventSourceCopy>, last?: EventSourceReport) =>
    mergedReport(copies, last, NOW)!.lastResult
  expect(resultOf({ ok, failed, none: copy() })).toBe('PROBLEM: Function call failed')
  expect(resultOf({ failed, ok: { ...ok, calledAt: NOW } })).toBe('OK')
  expect(resultOf({ none: copy() }, before)).toBe('OK')
  expect(resultOf({ none: copy() })).toBe('No records processed')
})

it('has the version that every copy has reached', () => {
  expect(mergedReport({ a: copy({ version: 3 }), b: copy({ version: 2 }) }, before, NOW)!.version).toBe(2)
})

it.each([
  ['enabled', 'enabled', 'enabled'],
  ['enabled', 'disabled', 'enabled'],
  ['disabled', 'disabled', 'disabled'],
  ['enabled', 'refused', 'refused'],
] as const)('of copies that say %s and %s the state is %s', (a, b, state) => {
  expect(mergedReport({ a: copy({ state: a }), b: copy({ state: b }) }, undefined, NOW)!.state).toBe(state)
})

it('leaves out copies that were not heard of for long; without any, what was said last stands', () => {
  const old = copy({ version: 1, reason: 'died', at: NOW - COPY_LIFE_MS })
  const young = copy({ version: 2, at: NOW - COPY_LIFE_MS + 1 })
  expect(mergedReport({ old, young }, undefined, NOW)).toEqual({
    version: 2,
    state: 'enabled',
    lastResult: 'No records processed',
    copies: { young },
    at: NOW,
  })
  expect(mergedReport({ old }, before, NOW)).toEqual({ ...before, copies: {} })
  expect(mergedReport({}, undefined, NOW)).toBeUndefined()
})
