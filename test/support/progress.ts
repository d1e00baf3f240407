// Waits until a load gets on, so that a fault falls between acknowledged calls and no round proves nothing.
import { setTimeout as delay } from 'node:timers/promises'
import type { History } from './history.ts'

const POLL_MS = 2

/** Fulfils when `calls` more were acknowledged, from wherever the history is now. */
export async function untilProgress(history: History, calls: number): Promise<void> {
  const enough = history.acknowledgedCalls + calls
  while (history.acknowledgedCalls < enough) await delay(POLL_MS)
}

/** Fulfils when the condition holds; rejects with what was awaited when it does not within the deadline. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`in ${deadlineMs} ms it did not come to pass that ${what}`)
    await delay(POLL_MS)
  }
}
