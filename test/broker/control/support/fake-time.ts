// Time that stands still until a test moves it. Timers fire in the order of their due times.
import { systemTime, type Time } from '../../../../broker/time.ts'

export class FakeTime implements Time {
  #now = 1_700_000_000_000
  readonly #tasks = new Set<{ readonly at: number; readonly task: () => void }>()

  now = (): number => this.#now
  elapsed = (): number => this.#now

  after = (delayMs: number, task: () => void): (() => void) => {
    const entry = { at: this.#now + delayMs, task }
    this.#tasks.add(entry)
    return () => this.#tasks.delete(entry)
  }

  every = (everyMs: number, task: () => void): (() => void) => {
    let cancel = (): void => {}
    const schedule = (): void => {
      cancel = this.after(everyMs, () => {
        schedule()
        task()
      })
    }
    schedule()
    return () => cancel()
  }

  readonly atTurnEnd = systemTime.atTurnEnd

  /** Delays of the waiting timers, shortest first. */
  get waiting(): readonly number[] {
    return [...this.#tasks].map(({ at }) => at - this.#now).sort((a, b) => a - b)
  }

  /** Advances the time, and runs every due timer with everything that follows from it. */
  async advance(byMs: number): Promise<void> {
    const until = this.#now + byMs
    for (;;) {
      await settled()
      const due = [...this.#tasks].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#tasks.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.task()
    }
    this.#now = until
    await settled()
  }
}

/** Lets every promise settle that can: the tested code waits only for promises and timers. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
  }
}
