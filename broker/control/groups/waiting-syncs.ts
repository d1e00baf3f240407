// Members that wait for a change of their assignment: one wait each. Runs in the controller. A wait is an entry and a timer.
import type { Time } from '../../time.ts'

export class WaitingSyncs {
  readonly #time: Pick<Time, 'after'>
  /** By group, then by member: ends the wait. */
  readonly #waits = new Map<string, Map<string, () => void>>()
  #isEnding = false

  constructor(time: Pick<Time, 'after'>) {
    this.#time = time
  }

  /** Fulfils when something has changed for the member, after `waitMs`, when the signal fires, or when it asks again. */
  change(
    { group, memberId }: { readonly group: string; readonly memberId: string },
    waitMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    this.#waits.get(group)?.get(memberId)?.()
    if (this.#isEnding || waitMs === 0 || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const ofGroup = this.#waits.get(group) ?? new Map<string, () => void>()
      const end = (): void => {
        cancelTimer()
        signal.removeEventListener('abort', end)
        ofGroup.delete(memberId)
        if (ofGroup.size === 0) this.#waits.delete(group)
        resolve()
      }
      const cancelTimer = this.#time.after(waitMs, end)
      signal.addEventListener('abort', end)
      this.#waits.set(group, ofGroup.set(memberId, end))
    })
  }

  /** Ends the waits of these members. */
  wake(group: string, memberIds: ReadonlySet<string>): void {
    const ofGroup = this.#waits.get(group)
    if (ofGroup === undefined) return
    for (const memberId of memberIds) ofGroup.get(memberId)?.()
  }

  /** Ends all waits, now and from now on. */
  end(): void {
    this.#isEnding = true
    for (const ofGroup of this.#waits.values()) for (const end of ofGroup.values()) end()
  }
}
