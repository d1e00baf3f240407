// The time by which records expire. Host main thread, pure.
// Expiry deletes for good, so the wall clock is believed only as long as it runs with the monotonic one: a jump ahead is
// doubted for an hour, in which somebody may set the clock right. A clock that goes back is believed at once, because then
// nothing expires that would not have.
import type { Logger } from '../../telemetry/log.ts'
import type { Clock, Time } from '../../time.ts'

const MINUTE_MS = 60_000

/** The wall clock may run ahead of the monotonic one by so much between two looks at them. */
const JUMP_MS_MAX = MINUTE_MS
/** A jump ahead is believed when it has lasted for so long. */
const DOUBT_MS = 60 * MINUTE_MS

/** What the wall clock says, and what it would have to say. */
export interface ClockJump {
  readonly clock: number
  readonly expected: number
}

export interface RetentionClockOptions {
  readonly clock: Clock
  readonly elapsed: Clock
  /** The clock has jumped ahead, and is not believed for now. */
  readonly onDoubt: (jump: ClockJump) => void
  /** It has said so for so long that it is believed. */
  readonly onBelieved: (jump: ClockJump) => void
}

export class RetentionClock {
  readonly #options: RetentionClockOptions
  /** How far the wall clock is ahead of the monotonic one, as far as it is believed. */
  #offset: number
  /** The offset that is doubted, and since when. */
  #doubted: { offset: number; since: number } | undefined

  /** Believes the wall clock that it finds: it cannot tell a jump from having been stopped. */
  constructor(options: RetentionClockOptions) {
    this.#options = options
    this.#offset = options.clock() - options.elapsed()
  }

  /** Milliseconds since the epoch, for retention only. May go back where the wall clock does. */
  now(): number {
    const clock = this.#options.clock()
    const elapsed = this.#options.elapsed()
    const offset = clock - elapsed
    if (offset - this.#offset <= JUMP_MS_MAX || this.#outlastsDoubt(offset, elapsed)) {
      this.#offset = offset
      this.#doubted = undefined
      return clock
    }
    return elapsed + this.#offset
  }

  #outlastsDoubt(offset: number, elapsed: number): boolean {
    const { onDoubt, onBelieved } = this.#options
    const jump = { clock: elapsed + offset, expected: elapsed + this.#offset }
    // A clock that jumps again says something new, which has to last by itself.
    if (!this.#doubted || Math.abs(offset - this.#doubted.offset) > JUMP_MS_MAX) {
      this.#doubted = { offset, since: elapsed }
      onDoubt(jump)
    }
    // What it gains slowly meanwhile is no jump.
    this.#doubted.offset = offset
    if (elapsed - this.#doubted.since < DOUBT_MS) return false
    onBelieved(jump)
    return true
  }
}

/** The clock of a host, which says in the log what it doubts. */
export function retentionClock({ now, elapsed }: Time, log: Logger): RetentionClock {
  const shown = (jump: ClockJump) => ({
    clock: new Date(jump.clock).toISOString(),
    expected: new Date(jump.expected).toISOString(),
  })
  return new RetentionClock({
    clock: now,
    elapsed,
    onDoubt: (jump) =>
      log.warn(
        shown(jump),
        'the clock has jumped ahead: for an hour nothing expires by it, unless it is set right',
      ),
    onBelieved: (jump) =>
      log.warn(shown(jump), 'the clock that jumped ahead has stayed there: records expire by it from now on'),
  })
}
