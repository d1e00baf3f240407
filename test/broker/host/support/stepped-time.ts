// Time for tests of the host: clocks that stand still until a test moves them, and real turns of the event loop.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemTime, type Time } from '../../../../broker/time.ts'

interface Timer {
  dueAt: number
  readonly everyMs: number | undefined
  readonly task: () => void
}

export class SteppedTime implements Time {
  #elapsed = 1_700_000_000_000
  /** How far the wall clock is ahead of the elapsed time. */
  ahead = 0
  readonly now = (): number => this.#elapsed + this.ahead
  readonly elapsed = (): number => this.#elapsed
  readonly atTurnEnd = systemTime.atTurnEnd
  readonly #timers = new Set<Timer>()

  get timerCount(): number {
    return this.#timers.size
  }

  after(ms: number, task: () => void): () => void {
    return this.#start({ dueAt: this.#elapsed + ms, everyMs: undefined, task })
  }

  every(ms: number, task: () => void): () => void {
    return this.#start({ dueAt: this.#elapsed + ms, everyMs: ms, task })
  }

  /** Moves time, and runs the timers that are due on the way, in order. */
  advance(ms: number): void {
    const target = this.#elapsed + ms
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.dueAt <= target)
      const next = due.sort((a, b) => a.dueAt - b.dueAt)[0]
      if (!next) break
      this.#elapsed = Math.max(this.#elapsed, next.dueAt)
      if (next.everyMs === undefined) this.#timers.delete(next)
      else next.dueAt += next.everyMs
      next.task()
    }
    this.#elapsed = target
  }

  #start(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
}

/** Fulfils after this many turns of the event loop: more than any chain of work in memory needs to finish. */
export async function rest(turns = 12): Promise<void> {
  for (let i = 0; i < turns; i++) await nextTurn()
}

/** Turns the event loop until `condition` holds; fails after more turns than any work needs. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  for (let i = 0; i < 10_000; i++) {
    if (condition()) return
    await nextTurn()
  }
  throw new Error(`${what} never came to hold`)
}
