// The time of a broker: when records arrive, and when they expire. Controller.
// It is the wall clock's, as far as that is believed: stamps follow it sooner, because one that lies ahead can be put right, expiry
// only after an hour, because what is deleted is gone. What was believed when, and from which stamp on it may have been too
// early, is kept in the data directory, so that a start with another clock is noticed and nothing expires early for it.
import { limits } from '../../protocol/limits.ts'
import type { ClockReading } from '../host-contract.ts'
import type { Time } from '../time.ts'
import { DoubtingClock, STEP_MS_MAX, type ClockJump } from './doubting-clock.ts'
import { afterStepAhead, afterStepBack, heldTimeOf, type Hold } from './held-time.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 24 * 60 * MINUTE_MS

export const clockLimits = {
  /** Stamps follow a clock that has jumped ahead after so long, expiry after so long. */
  aheadDoubtMs: 10 * MINUTE_MS,
  expiryDoubtMs: 60 * MINUTE_MS,
  /** Stamps follow a clock that has gone back after so long; expiry does at once, because then less expires. */
  backDoubtMs: 10 * SECOND_MS,
  /** A broker that was stopped for longer doubts the clock that it finds. */
  stoppedMsMax: 30 * DAY_MS,
  /**
   * One that was stopped for longer lets nothing expire by the clock that it finds, before that has lasted. What expired until it
   * was stopped stays so: the time was written down so long before at most.
   */
  restartMsMax: 3 * 60 * MINUTE_MS,
  writtenMsMax: 2 * MINUTE_MS,
  /** A clock that was wrong once, and has run well for so long, is above suspicion. */
  suspectMs: 7 * DAY_MS,
} as const

/** What is known of the clock beyond one process. */
export interface ClockRecord {
  /** The time, when this was written, and that by which records expired. */
  readonly now: number
  readonly expiryNow: number
  /**
   * Stamps from here on may be too early, because the clock has lately jumped ahead, or went back and is believed; null where it
   * has run well for long enough.
   */
  readonly suspectFrom: number | null
  /** For how long the clock has run well since, while a broker ran. */
  readonly wellMs: number
  readonly holds: readonly Hold[]
}

/** From when on expiry goes, where that is not the wall clock's time. */
function expiryStart({ expiryNow }: ClockRecord, wall: number): { startsAt?: number } {
  const isDoubted = wall - expiryNow > clockLimits.restartMsMax
  return isDoubted ? { startsAt: expiryNow + clockLimits.writtenMsMax } : {}
}

type KnownClock = Omit<ClockRecord, 'now' | 'expiryNow'>

export interface TrustedTimeOptions {
  readonly time: Pick<Time, 'now' | 'elapsed'>
  /** As an earlier process left it. */
  readonly record?: ClockRecord | undefined
  /** Told of each change of the record, but that time goes on. */
  readonly onChange?: () => void
  readonly onDoubt?: (jump: ClockJump) => void
  readonly onBelieved?: (jump: ClockJump) => void
}

export class TrustedTime {
  readonly #options: TrustedTimeOptions
  readonly #stamps: DoubtingClock
  readonly #expiry: DoubtingClock
  #known: KnownClock
  #lookedAt: number

  constructor(options: TrustedTimeOptions) {
    const { time, record } = options
    this.#options = options
    const wall = time.now()
    const { suspectFrom = null, wellMs = 0, holds = [] } = record ?? {}
    this.#known = { suspectFrom, wellMs, holds }
    this.#lookedAt = time.elapsed()
    const gap = record ? wall - record.now : 0
    const isStamped = gap > -STEP_MS_MAX && gap <= clockLimits.stoppedMsMax
    const { now, elapsed } = time
    this.#stamps = new DoubtingClock({
      now,
      elapsed,
      ...(record && !isStamped && { startsAt: record.now }),
      aheadDoubtMs: clockLimits.aheadDoubtMs,
      backDoubtMs: clockLimits.backDoubtMs,
      returnMs: clockLimits.expiryDoubtMs,
      onDoubt: (jump) => this.#doubt(jump),
      onBelieved: (jump) => this.#believe(jump),
      onSettled: () => this.#change({ wellMs: 0 }),
    })
    this.#expiry = new DoubtingClock({
      now,
      elapsed,
      ...(record && expiryStart(record, wall)),
      aheadDoubtMs: clockLimits.expiryDoubtMs,
      backDoubtMs: 0,
      onDoubt: () => {},
      onBelieved: () => {},
    })
    // Perhaps the clock was put right while the broker was stopped.
    if (suspectFrom !== null && isStamped && gap > STEP_MS_MAX) this.#hold(wall, suspectFrom)
  }

  /** Milliseconds since the epoch, whole, for stamps. Bound, so that it can be handed on. */
  readonly now = (): number => this.#stamps.now()

  /** What hosts go by. */
  get reading(): ClockReading {
    const now = this.now()
    const holds = this.#known.holds.map(heldTimeOf)
    return { now, expiryNow: Math.min(now, this.#expiry.now()), holds }
  }

  /** What the next process has to know. */
  get record(): ClockRecord {
    const { now, expiryNow } = this.reading
    return { now, expiryNow, ...this.#known }
  }

  /** True while the wall clock is believed. */
  get isSettled(): boolean {
    return !this.#stamps.isDoubting
  }

  /** Looks at the clock, and lets go what nothing depends on any more. */
  look(): ClockReading {
    const { reading } = this
    const { suspectFrom, wellMs, holds } = this.#known
    const left = holds.filter(({ until }) => reading.expiryNow < until + limits.retentionMsMax)
    if (left.length < holds.length) this.#change({ holds: left })
    const elapsed = this.#options.time.elapsed()
    const passedMs = elapsed - this.#lookedAt
    this.#lookedAt = elapsed
    if (suspectFrom === null || !this.isSettled) return reading
    this.#known = { ...this.#known, wellMs: wellMs + passedMs }
    if (this.#known.wellMs >= clockLimits.suspectMs) this.#acquit()
    return reading
  }

  #doubt(jump: ClockJump): void {
    this.#options.onDoubt?.(jump)
    // A clock that went back is not suspected: until it is believed, stamps are too late rather than too early, which does no harm.
    if (jump.clock > jump.expected) this.#suspect(jump.expected)
  }

  #believe({ clock: now, expected }: ClockJump): void {
    this.#options.onBelieved?.({ clock: now, expected })
    if (now > expected) return this.#hold(now, expected)
    this.#suspect(now)
    this.#change({ wellMs: 0, holds: afterStepBack(this.#known.holds, now) })
  }

  /** Stamps may be too early from now on. */
  #suspect(from: number): void {
    this.#change({ suspectFrom: Math.min(this.#known.suspectFrom ?? from, from) })
  }

  /** The clock went ahead to `now`, and is believed: what was stamped while it was behind, or was doubted, is held. */
  #hold(now: number, expected: number): void {
    this.#suspect(expected)
    const { suspectFrom, holds } = this.#known
    // It may have been only a part of the way, so that the suspicion stays for what comes.
    this.#change({ holds: afterStepAhead(holds, now, suspectFrom ?? expected) })
  }

  #acquit(): void {
    const holds = this.#known.holds.map((hold) => ({ ...heldTimeOf(hold), backAt: null }))
    this.#change({ suspectFrom: null, wellMs: 0, holds })
  }

  #change(change: Partial<KnownClock>): void {
    this.#known = { ...this.#known, ...change }
    this.#options.onChange?.()
  }
}
