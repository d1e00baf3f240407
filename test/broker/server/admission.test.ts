// SessionWatch as a function of what a session reports at sweeps: which deadline passes, when, and what resets it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ByteBudget,
  requestsMaxOf,
  sessionLimits as bounds,
  SessionWatch,
  type SessionFacts,
} from '../../../broker/server/admission.ts'

const idle: SessionFacts = {
  phase: 'open',
  framesReceived: 1,
  midFrame: false,
  held: false,
  queuedBytes: 0,
  bytesTaken: 0,
}

/** Sweeps until a deadline passes, or until `untilMs`; returns when, and which. */
function sweep(watch: SessionWatch, factsAt: (now: number) => Partial<SessionFacts>, untilMs: number) {
  for (let now = bounds.sweepMs; now <= untilMs; now += bounds.sweepMs) {
    const overdue = watch.look({ ...idle, ...factsAt(now) }, now)
    if (overdue !== undefined) return { at: now, code: overdue.code }
  }
  return undefined
}

const HOUR_MS = 3_600_000

describe('SessionWatch', () => {
  it('cuts a session without a hello by the deadline, whatever else it sends', () => {
    const facts = (now: number): Partial<SessionFacts> => ({ phase: 'greeting', framesReceived: now })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.helloDeadlineMs, code: 'timedOut' })
  })

  it('keeps a session open for ever that sends a frame often enough', () => {
    const facts = (now: number) => ({ framesReceived: Math.floor(now / (bounds.idleMs - 1000)) })
    expect(sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)).toBeUndefined()
  })

  it('cuts a silent session after the idle time', () => {
    const overdue = sweep(new SessionWatch(bounds, 0), () => ({}), HOUR_MS)
    expect(overdue).toEqual({ at: bounds.idleMs + bounds.sweepMs, code: 'timedOut' })
  })

  it('does not cut a silent session while the broker holds its reading', () => {
    const facts = (now: number) => ({ held: now < HOUR_MS / 2, midFrame: now < HOUR_MS / 2 })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue!.at).toBeGreaterThan(HOUR_MS / 2)
  })

  it('cuts a session that does not complete a frame in time, however many bytes drip in', () => {
    const facts = () => ({ midFrame: true })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.frameDeadlineMs + bounds.sweepMs, code: 'timedOut' })
  })

  it('keeps a session that is always in the middle of a frame, as long as frames are completed', () => {
    const facts = (now: number) => ({ midFrame: true, framesReceived: now })
    expect(sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)).toBeUndefined()
  })

  it('cuts a session that takes none of its queued output', () => {
    const facts = (now: number) => ({ framesReceived: now, queuedBytes: 1, bytesTaken: 100 })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.stallMs + bounds.sweepMs, code: 'timedOut' })
  })

  it('cuts a session as slowConsumer that stays above the bound on queued bytes', () => {
    const facts = (now: number) => ({
      framesReceived: now,
      queuedBytes: bounds.queuedBytesMax + 1,
      bytesTaken: now,
    })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.slowConsumerMs + bounds.sweepMs, code: 'slowConsumer' })
  })

  it('keeps a session that is above the bound on queued bytes for a moment, again and again', () => {
    const facts = (now: number) => ({
      framesReceived: now,
      queuedBytes: now % 5000 === 0 ? 0 : bounds.queuedBytesMax * 2,
      bytesTaken: now,
    })
    expect(sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)).toBeUndefined()
  })

  it('cuts a closing session that does not end in time', () => {
    const overdue = sweep(new SessionWatch(bounds, 0), () => ({ phase: 'closing' }), HOUR_MS)
    expect(overdue).toEqual({ at: bounds.closeDeadlineMs + bounds.sweepMs, code: 'timedOut' })
  })
})

describe('sessionLimits', () => {
  it('let every admissible frame be received and handled', async () => {
    const { limits } = await import('../../../protocol/limits.ts')
    expect(bounds.requestBytesInFlightMax).toBeGreaterThanOrEqual(limits.frameBytesMax)
    expect(bounds.receivedBytesMax).toBeGreaterThanOrEqual(2 * limits.frameBytesMax)
    expect(bounds.queuedBytesMax).toBeGreaterThanOrEqual(bounds.highWaterBytes + limits.frameBytesMax)
    expect(bounds.queuedBytesOfAllMax).toBeGreaterThanOrEqual(
      2 * limits.frameBytesMax + bounds.highWaterBytes,
    )
  })

  it('leave a client that pings at a third of the idle time two chances to be late', () => {
    expect(bounds.idleMs / 3).toBeGreaterThan(bounds.sweepMs)
  })
})

describe('ByteBudget', () => {
  it('take: takes all or nothing; give: returns bytes to the budget', () => {
    const budget = new ByteBudget(10)
    expect([budget.take(6), budget.take(5), budget.take(4), budget.take(1)]).toEqual([
      true,
      false,
      true,
      false,
    ])
    budget.give(5)
    expect([budget.take(5), budget.take(1)]).toEqual([true, false])
  })
})

describe('requestsMaxOf', () => {
  const shared = { ...bounds, requestsInFlightMax: 100, requestsOfAllMax: 2000 }
  const max = (unanswered: number, sessions: number) => requestsMaxOf(shared, { unanswered, sessions })

  it('allows what the protocol does while the requests of all are few, and then a share that shrinks with the sessions', () => {
    expect([max(0, 4000), max(999, 4000)]).toEqual([100, 100])
    expect([max(1000, 5), max(1000, 20), max(1000, 4000)]).toEqual([100, 50, 8])
  })

  it('keeps those of all within the bound, as long as there are not too many sessions for the least share', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 125 }), (sessions) => {
        const open = Array.from({ length: sessions }, () => 0)
        let unanswered = 0
        for (let round = 0; round < 100; round++) {
          for (let i = 0; i < sessions; i++) {
            if (open[i]! >= max(unanswered, sessions)) continue
            open[i]!++
            unanswered++
          }
        }
        expect(unanswered).toBeLessThanOrEqual(2000)
        expect(Math.min(...open)).toBeGreaterThan(0)
      }),
    )
  })
})
