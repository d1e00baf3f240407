// The watch over one session, as a function of what sweeps see: which deadline passes, when, and what resets it.
import { describe, expect, it } from 'vitest'
import {
  ByteBudget,
  sessionLimits as bounds,
  SessionWatch,
  type SessionFacts,
} from '../../broker/server/admission.ts'

const idle: SessionFacts = {
  phase: 'open',
  framesReceived: 1,
  midFrame: false,
  held: false,
  queuedBytes: 0,
  bytesTaken: 0,
}

/** Sweeps until the watch says so, or until `untilMs`; answers when and what. */
function sweep(watch: SessionWatch, factsAt: (now: number) => Partial<SessionFacts>, untilMs: number) {
  for (let now = bounds.sweepMs; now <= untilMs; now += bounds.sweepMs) {
    const overdue = watch.look({ ...idle, ...factsAt(now) }, now)
    if (overdue !== undefined) return { at: now, code: overdue.code }
  }
  return undefined
}

const HOUR_MS = 3_600_000

describe('a session', () => {
  it('must say hello before its deadline, whatever else it sends', () => {
    const facts = (now: number): Partial<SessionFacts> => ({ phase: 'greeting', framesReceived: now })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.helloDeadlineMs, code: 'timedOut' })
  })

  it('may be open for ever if it sends a frame now and then', () => {
    const facts = (now: number) => ({ framesReceived: Math.floor(now / (bounds.idleMs - 1000)) })
    expect(sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)).toBeUndefined()
  })

  it('that is silent is cut after the idle time', () => {
    const overdue = sweep(new SessionWatch(bounds, 0), () => ({}), HOUR_MS)
    expect(overdue).toEqual({ at: bounds.idleMs + bounds.sweepMs, code: 'timedOut' })
  })

  it('whose reading is held by the broker is not silent by its own fault', () => {
    const facts = (now: number) => ({ held: now < HOUR_MS / 2, midFrame: now < HOUR_MS / 2 })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue!.at).toBeGreaterThan(HOUR_MS / 2)
  })

  it('must complete a frame that it began, however many bytes drip in', () => {
    const facts = () => ({ midFrame: true })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.frameDeadlineMs + bounds.sweepMs, code: 'timedOut' })
  })

  it('may always be in the middle of some frame, as long as frames are completed', () => {
    const facts = (now: number) => ({ midFrame: true, framesReceived: now })
    expect(sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)).toBeUndefined()
  })

  it('that takes nothing of what waits for it is cut', () => {
    const facts = (now: number) => ({ framesReceived: now, queuedBytes: 1, bytesTaken: 100 })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.stallMs + bounds.sweepMs, code: 'timedOut' })
  })

  it('that takes too little of too much is cut as a slow consumer', () => {
    const facts = (now: number) => ({
      framesReceived: now,
      queuedBytes: bounds.queuedBytesMax + 1,
      bytesTaken: now,
    })
    const overdue = sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)
    expect(overdue).toEqual({ at: bounds.slowConsumerMs + bounds.sweepMs, code: 'slowConsumer' })
  })

  it('may be above the bound on queued bytes for a moment, again and again', () => {
    const facts = (now: number) => ({
      framesReceived: now,
      queuedBytes: now % 5000 === 0 ? 0 : bounds.queuedBytesMax * 2,
      bytesTaken: now,
    })
    expect(sweep(new SessionWatch(bounds, 0), facts, HOUR_MS)).toBeUndefined()
  })

  it('that is closing must be gone soon', () => {
    const overdue = sweep(new SessionWatch(bounds, 0), () => ({ phase: 'closing' }), HOUR_MS)
    expect(overdue).toEqual({ at: bounds.closeDeadlineMs + bounds.sweepMs, code: 'timedOut' })
  })
})

describe('the limits', () => {
  it('let every admissible frame be received and handled', async () => {
    const { limits } = await import('../../protocol/limits.ts')
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

describe('a byte budget', () => {
  it('gives all or nothing, and takes back', () => {
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
