// Waits until a load progresses, so that a fault falls between acknowledged calls and every round proves something.
import { setTimeout as delay } from 'node:timers/promises'
import type { History } from './history.ts'

const POLL_MS = 2

/** Fulfils after `calls` more appends are acknowledged. */
export async function untilProgress(history: History, calls: number): Promise<void> {
  const enough = history.acknowledgedCalls + calls
  while (history.acknowledgedCalls < enough) await delay(POLL_MS)
}

/** Fulfils when the condition holds; rejects at the deadline, and names what it waited for. */
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
