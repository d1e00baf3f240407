// Waits until a load gets on, so that a fault falls between acknowledged calls and no round proves nothing.
import { setTimeout as delay } from 'node:timers/promises'
import type { History } from './history.ts'

const POLL_MS = 2

/** Fulfils when `calls` more were acknowledged, from wherever the history is now. */
export async function untilProgress(history: History, calls: number): Promise<void> {
  const acknowledged = () => history.appends.filter(({ outcome }) => outcome.type === 'ok').length
  const enough = acknowledged() + calls
  while (acknowledged() < enough) await delay(POLL_MS)
}
