// Calls that nobody waits for: how often they are tried, how long they wait for room, and what ends them.
import { expect, test } from 'vitest'
import type { CallOutcome } from '../../src/runtime/functions.ts'
import { EventCalls, eventLimits } from '../../src/wire/event-calls.ts'

const payload = Buffer.from('{}')
const ok: CallOutcome['result'] = { ok: true, json: '1' }
const failed: CallOutcome['result'] = { ok: false, error: { errorType: 'E', errorMessage: 'm' } }
const throttled: CallOutcome['result'] = {
  ok: false,
  error: { errorType: 'T', errorMessage: 'busy', isThrottle: true },
}

function calls(results: readonly CallOutcome['result'][], eventsMax = 10) {
  const waits: number[] = []
  const told: string[] = []
  let now = 0
  let called = 0
  const events = new EventCalls({
    call: async () => ({
      requestId: 'r',
      durationMs: 0,
      result: results[Math.min(called++, results.length - 1)]!,
    }),
    eventsMax,
    now: () => now,
    wait: async (ms, signal) => {
      signal.throwIfAborted()
      waits.push(ms)
      now += ms
    },
    tell: (message) => void told.push(message),
  })
  return { events, waits, told, calls: () => called }
}

/** Fulfils when what needs no time has been done. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('an event that succeeds is called with once', async () => {
  const { events, waits, told, calls: count } = calls([ok])
  expect(events.take('f', payload)).toBe(true)
  await settled()
  expect([count(), waits, told]).toEqual([1, [], []])
})

test('an event that fails is tried twice more, after a minute and after two', async () => {
  const { events, waits, told, calls: count } = calls([failed])
  events.take('f', payload)
  await settled()
  expect([count(), waits]).toEqual([3, [60_000, 120_000]])
  expect(told).toEqual(['An event of the function f failed 3 times and was given up: E: m'])
})

test('throttles count as no attempt, until the event is too old', async () => {
  const some = calls([throttled, throttled, failed, throttled, ok])
  some.events.take('f', payload)
  await settled()
  expect([some.calls(), some.told]).toEqual([5, []])
  const always = calls([throttled])
  always.events.take('f', payload)
  await expect.poll(() => always.told).toEqual(['An event of the function f was given up: Error: T: busy'])
  expect(always.waits.length * eventLimits.throttledMs).toBeGreaterThan(eventLimits.ageMsMax)
})

test('there is room for so many events, and none after the end', async () => {
  const { events } = calls([ok], 2)
  expect([1, 2, 3].map(() => events.take('f', payload))).toEqual([true, true, false])
  await settled()
  expect(events.take('f', payload)).toBe(true)
  await events.close()
  expect(events.take('f', payload)).toBe(false)
})

test('the end gives up what would be tried later, without a word', async () => {
  const { events, told } = calls([failed])
  events.take('f', payload)
  await events.close()
  expect(told).toEqual([])
})
