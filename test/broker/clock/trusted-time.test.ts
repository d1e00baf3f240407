// Promises of the time of a broker, whatever the wall clock does while it runs, sleeps, is stopped and starts: stamps do not
// follow a clock that is wrong for a while, and nothing expires before its retention has really passed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutoffAt } from '../../../broker/clock/held-time.ts'
import { clockLimits, TrustedTime, type ClockRecord } from '../../../broker/clock/trusted-time.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY
/** Between two looks at the clock: rarer than in truth, for the sake of speed. */
const LOOK = 20 * SECOND
const START = 1_700_000_000_000

/** A machine with a wall clock that may be wrong, and a broker on it that may be restarted. */
class Machine {
  /** What time it really is. */
  trueNow = START
  /** How far the wall clock is ahead of that. */
  error = 0
  #elapsed = 0
  #trusted: TrustedTime

  constructor(error = 0) {
    this.error = error
    this.#trusted = this.#start()
  }

  get now(): number {
    return this.#trusted.now()
  }

  cutoffOf(retentionMs: number): number {
    return cutoffAt(this.#trusted.reading, retentionMs)
  }

  get record(): ClockRecord {
    return this.#trusted.record
  }

  /** Time passes; the broker looks at its clock all the while. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= LOOK) {
      const step = Math.min(left, LOOK)
      this.trueNow += step
      this.#elapsed += step
      this.#trusted.look()
    }
  }

  /** The machine sleeps: its monotonic clock stands still. */
  sleep(ms: number): void {
    this.trueNow += ms
    this.#trusted.look()
  }

  restart(downMs: number): void {
    const record = structuredClone(this.#trusted.record)
    this.trueNow += downMs
    this.#elapsed = 12_345
    this.#trusted = this.#start(record)
    this.#trusted.look()
  }

  #start(record?: ClockRecord): TrustedTime {
    const time = { now: () => this.trueNow + this.error, elapsed: () => this.#elapsed }
    return new TrustedTime({ time, record })
  }
}

describe('the time of stamps', () => {
  it('does not follow a clock that is wrong for some minutes, by whatever, once or again and again', () => {
    const jump = fc.record({
      error: fc.integer({ min: -50 * YEAR, max: 50 * YEAR }),
      lasts: fc.nat(9 * SECOND),
      rest: fc.nat(HOUR),
    })
    fc.assert(
      fc.property(fc.array(jump, { maxLength: 12 }), (jumps) => {
        const machine = new Machine()
        for (const { error, lasts, rest } of jumps) {
          machine.error = error
          machine.pass(lasts)
          expect(Math.abs(machine.now - machine.trueNow)).toBeLessThanOrEqual(MINUTE)
          machine.error = 0
          expect(machine.now).toBe(machine.trueNow)
          machine.pass(rest)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('does not follow a clock that is ahead for less than ten minutes, nor one that creeps ahead in small steps', () => {
    const machine = new Machine()
    machine.error = 10 * YEAR
    machine.pass(clockLimits.aheadDoubtMs - MINUTE)
    expect(machine.now).toBe(machine.trueNow)
    machine.error = 0
    for (let i = 0; i < 100; i++) {
      machine.error += 50 * SECOND
      machine.pass(SECOND)
      expect(machine.now - machine.trueNow).toBeLessThanOrEqual(MINUTE)
    }
  })

  it('comes right ten minutes after a machine has slept', () => {
    const machine = new Machine()
    machine.pass(HOUR)
    machine.sleep(3 * DAY)
    expect(machine.trueNow - machine.now).toBe(3 * DAY)
    machine.pass(clockLimits.aheadDoubtMs + MINUTE)
    expect(machine.now).toBe(machine.trueNow)
  })

  it('comes right at once after a broker was stopped for days, and follows a clock that was put back', () => {
    const machine = new Machine()
    machine.pass(HOUR)
    machine.restart(3 * DAY)
    expect(machine.now).toBe(machine.trueNow)
    machine.error = -20 * DAY
    machine.pass(clockLimits.backDoubtMs + MINUTE)
    expect(machine.now).toBe(machine.trueNow - 20 * DAY)
    machine.error = 0
    expect(machine.now).toBe(machine.trueNow)
  })

  it('doubts the clock that it finds at a start, where that is ahead by years or behind', () => {
    for (const error of [10 * YEAR, -10 * YEAR]) {
      const machine = new Machine()
      machine.pass(HOUR)
      machine.error = error
      machine.restart(SECOND)
      expect(Math.abs(machine.now - machine.trueNow)).toBeLessThanOrEqual(MINUTE)
      machine.pass(5 * SECOND)
      machine.restart(SECOND)
      expect(Math.abs(machine.now - machine.trueNow)).toBeLessThanOrEqual(MINUTE)
      machine.error = 0
      machine.pass(MINUTE)
      expect(machine.now).toBe(machine.trueNow)
    }
  })
})

describe('the time of expiry', () => {
  /** Everything but clocks that are ahead for an hour or more, which nobody could tell from right ones. */
  const step = fc.oneof(
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(3 * HOUR) }),
    fc.record({ do: fc.constant('sleep' as const), ms: fc.nat(5 * DAY) }),
    fc.record({ do: fc.constant('restart' as const), ms: fc.nat(4 * DAY) }),
    fc.record({
      do: fc.constant('ahead' as const),
      ms: fc.nat(59 * MINUTE),
      by: fc.oneof(fc.nat(30 * DAY), fc.nat(50 * YEAR)),
      restarts: fc.boolean(),
    }),
    fc.record({
      do: fc.constant('behind' as const),
      ms: fc.nat(5 * HOUR),
      by: fc.oneof(fc.nat(30 * DAY), fc.nat(50 * YEAR)),
      restarts: fc.boolean(),
    }),
  )
  const retention = fc.constantFrom(HOUR, 6 * HOUR, DAY, 7 * DAY)

  it('lets nothing expire before its retention has passed, and stamps never go back within a shard', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), retention, (steps, retentionMs) => {
        const machine = new Machine()
        let readable: { stamp: number; arrived: number }[] = []
        let last = 0
        // A start believes a clock that is ahead of what was written down by no more than that.
        const isStartedAhead = steps.some((one) => one.do === 'ahead' && one.restarts)
        const toleranceMs = 2 * MINUTE + (isStartedAhead ? clockLimits.restartMsMax : 0)
        const look = (): void => {
          const cutoff = machine.cutoffOf(retentionMs)
          for (const { stamp, arrived } of readable) {
            if (stamp < cutoff)
              expect(machine.trueNow - arrived).toBeGreaterThanOrEqual(retentionMs - toleranceMs)
          }
          readable = readable.filter(({ stamp }) => stamp >= cutoff)
        }
        const append = (): void => {
          // A shard that began just now, and one that has stamps already: the first is the one that a low stamp hurts.
          readable.push({ stamp: machine.now, arrived: machine.trueNow })
          last = Math.max(last, machine.now)
          readable.push({ stamp: last, arrived: machine.trueNow })
        }
        const pass = (ms: number): void => {
          for (let left = ms; left > 0; left -= 10 * MINUTE) {
            append()
            machine.pass(Math.min(left, 10 * MINUTE))
            look()
          }
        }
        for (const now of steps) {
          append()
          if (now.do === 'pass') pass(now.ms)
          else if (now.do === 'sleep') machine.sleep(now.ms)
          else if (now.do === 'restart') machine.restart(now.ms)
          else {
            machine.error = now.do === 'ahead' ? now.by : -now.by
            if (now.restarts) machine.restart(SECOND)
            pass(now.ms / 2)
            if (now.restarts) machine.restart(SECOND)
            pass(now.ms / 2)
            machine.error = 0
          }
          look()
          append()
        }
        pass(2 * HOUR)
      }),
      { numRuns: 400 },
    )
  })

  it('lets everything expire in bounded time, once the clock is right', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), retention, (steps, retentionMs) => {
        const machine = new Machine()
        const stamps: number[] = []
        for (const now of steps) {
          // A stamp that lies ahead is another matter: what has it, has to be put right first.
          stamps.push(Math.min(machine.now, machine.trueNow))
          if (now.do === 'pass') machine.pass(now.ms)
          else if (now.do === 'sleep') machine.sleep(now.ms)
          else if (now.do === 'restart') machine.restart(now.ms)
          else {
            machine.error = now.do === 'ahead' ? now.by : -now.by
            machine.pass(now.ms)
            machine.error = 0
          }
        }
        stamps.push(Math.min(machine.now, machine.trueNow))
        machine.pass(2 * HOUR)
        machine.pass(retentionMs)
        for (const stamp of stamps) expect(stamp).toBeLessThan(machine.cutoffOf(retentionMs))
      }),
      { numRuns: 150 },
    )
  })
})
