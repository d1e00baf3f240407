// The clock of a host: the wall clock, as far as the controller believes it. Host main thread, pure.
// The controller says every few seconds what time it is. In between the wall clock counts, unless it leaves the monotonic one: then
// that counts alone, until the controller has decided. So all hosts and the controller have one time, and a clock that jumps stamps
// nothing before anybody has looked at it. For expiry a host doubts by itself: each read asks what has expired by then.
import type { ClockReading, HeldTime } from '../host-contract.ts'
import type { Time } from '../time.ts'
import { DoubtingClock, STEP_MS_MAX } from './doubting-clock.ts'
import { cutoffAt } from './held-time.ts'
import { clockLimits } from './trusted-time.ts'

export class FollowedClock {
  readonly #time: Pick<Time, 'now' | 'elapsed'>
  readonly #expiry: DoubtingClock
  /** How far the time of stamps is ahead of the monotonic clock. */
  #offset: number
  #holds: readonly HeldTime[] = []

  /** Begins with what the controller says; believes the wall clock where it has not said anything. */
  constructor(time: Pick<Time, 'now' | 'elapsed'>, reading: ClockReading | null) {
    this.#time = time
    const wall = time.now()
    this.#offset = wall - time.elapsed()
    this.#expiry = new DoubtingClock({
      now: () => time.now(),
      elapsed: () => time.elapsed(),
      ...(reading && !isNear(wall, reading.expiryNow) && { startsAt: Math.min(wall, reading.expiryNow) }),
      aheadDoubtMs: clockLimits.expiryDoubtMs,
      backDoubtMs: 0,
      onDoubt: () => {},
      onBelieved: () => {},
    })
    if (reading) this.follow(reading)
  }

  /** The controller says what time it is. */
  follow({ now, holds }: Pick<ClockReading, 'now' | 'holds'>): void {
    const wall = this.#time.now()
    // What the controller said was on its way for a moment: where both agree, the wall clock is the exact one.
    this.#offset = (isNear(wall, now) ? wall : now) - this.#time.elapsed()
    this.#holds = holds
  }

  /** Milliseconds since the epoch, whole: for stamps, and for what is shown. Bound, so that it can be handed on. */
  readonly now = (): number => {
    const wall = this.#time.now()
    const expected = this.#time.elapsed() + this.#offset
    return Math.round(isNear(wall, expected) ? wall : expected)
  }

  /** The time by which records expire: never ahead of the wall clock. */
  expiryNow(): number {
    return this.#expiry.now()
  }

  /** What arrived earlier has expired. */
  cutoffOf(retentionMs: number, expiryNow = this.expiryNow()): number {
    return cutoffAt({ expiryNow, holds: this.#holds }, retentionMs)
  }
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= STEP_MS_MAX
}
