// A wall clock that is not believed at once. Controller and hosts, pure.
// What is stamped and what is deleted goes by a clock, and neither can be undone, so the wall clock is believed only as long as it
// runs with the monotonic one. Where it jumps, ahead or back, time goes on as before, until the wall clock has kept to its new
// claim for long enough.
import type { Clock } from '../time.ts'

const MINUTE_MS = 60_000

/** The wall clock may leave the monotonic one by so much: in one step, and in an hour. */
export const STEP_MS_MAX = MINUTE_MS
/** Stamps that lie further ahead are not waited for until the clock has reached them. */
export const STAMP_AHEAD_MS_MAX = 5 * MINUTE_MS
/** Steps that small are measured against where the clock stood so long ago at most. */
const ANCHOR_MS = 60 * MINUTE_MS

/** What the wall clock says, and what it would have to say. */
export interface ClockJump {
  readonly clock: number
  readonly expected: number
}

export interface DoubtingClockOptions {
  readonly now: Clock
  readonly elapsed: Clock
  /** What it says to begin with, where the wall clock is not believed from the start. */
  readonly startsAt?: number
  /** A jump ahead is believed when it has lasted for so long, a jump back for so long. */
  readonly aheadDoubtMs: number
  readonly backDoubtMs: number
  /** A clock that jumps ahead to where it was so lately, before it went back, is believed at once. */
  readonly returnMs?: number
  /** The clock has jumped, and is not believed for now. */
  readonly onDoubt: (jump: ClockJump) => void
  /** It has kept to what it says for so long that it is believed. */
  readonly onBelieved: (jump: ClockJump) => void
  /** The clock that was doubted says again what it should. */
  readonly onSettled?: () => void
}

/** How far the wall clock is ahead of the monotonic one, and since when. */
interface Offset {
  offset: number
  since: number
}

export class DoubtingClock {
  readonly #options: DoubtingClockOptions
  /** As far as it is believed. */
  #offset: number
  #anchor: Offset
  #doubted: Offset | undefined
  /** Where it was before it went back. */
  #left: Offset | undefined

  constructor(options: DoubtingClockOptions) {
    this.#options = options
    const { now, elapsed, startsAt = now() } = options
    this.#offset = startsAt - elapsed()
    this.#anchor = { offset: this.#offset, since: elapsed() }
  }

  /** True while the wall clock is not believed, as far as was looked. */
  get isDoubting(): boolean {
    return this.#doubted !== undefined
  }

  /** Milliseconds since the epoch, whole. May go back where the wall clock does and is believed. */
  now(): number {
    const clock = this.#options.now()
    const elapsed = this.#options.elapsed()
    const offset = clock - elapsed
    const gained = offset - this.#anchor.offset
    if (Math.abs(gained) <= STEP_MS_MAX) {
      this.#follow(offset, elapsed)
      return Math.round(clock)
    }
    if (!this.#isBelievable(offset, elapsed)) return Math.round(elapsed + this.#offset)
    this.#believe(offset, elapsed)
    return Math.round(clock)
  }

  /** The wall clock runs as it should. */
  #follow(offset: number, elapsed: number): void {
    this.#offset = offset
    if (elapsed - this.#anchor.since >= ANCHOR_MS) this.#anchor = { offset, since: elapsed }
    if (!this.#doubted) return
    this.#doubted = undefined
    this.#options.onSettled?.()
  }

  #isBelievable(offset: number, elapsed: number): boolean {
    const { aheadDoubtMs, backDoubtMs, onDoubt, returnMs = 0 } = this.#options
    const isAhead = offset > this.#anchor.offset
    const left = returnMs > 0 ? this.#left : undefined
    const isReturn =
      isAhead && left && elapsed - left.since <= returnMs && Math.abs(offset - left.offset) <= STEP_MS_MAX
    if (isReturn) return true
    const doubtMs = isAhead ? aheadDoubtMs : backDoubtMs
    // A clock that jumps again says something new, which has to last by itself.
    if (!this.#doubted || Math.abs(offset - this.#doubted.offset) > STEP_MS_MAX) {
      this.#doubted = { offset, since: elapsed }
      if (doubtMs > 0) onDoubt(this.#jump(offset, elapsed))
    }
    // What it gains slowly meanwhile is no jump.
    this.#doubted.offset = offset
    return elapsed - this.#doubted.since >= doubtMs
  }

  #believe(offset: number, elapsed: number): void {
    const jump = this.#jump(offset, elapsed)
    this.#left = offset < this.#offset ? { offset: this.#offset, since: elapsed } : undefined
    this.#offset = offset
    this.#anchor = { offset, since: elapsed }
    this.#doubted = undefined
    this.#options.onBelieved(jump)
  }

  #jump(offset: number, elapsed: number): ClockJump {
    return { clock: Math.round(elapsed + offset), expected: Math.round(elapsed + this.#offset) }
  }
}
