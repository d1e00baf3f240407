// Tells when a thread has nothing under way: no timer, no request, no connection. Runs in a thread of a module. Node has no event for it
// in a thread, whose port to the app always waits, so it is looked at again and again, ever more seldom.
import type { UntilIdle } from './run-handler.ts'

const LOOK_MS_MIN = 1
const LOOK_MS_MAX = 50

/** Takes what is there now for what always is. */
export function idleWatch(
  active: () => readonly string[] = () => process.getActiveResourcesInfo(),
): UntilIdle {
  const always = countOf(active())
  return () =>
    new Promise((resolve) => {
      let lookMs = LOOK_MS_MIN
      const look = (): void => {
        if (isWithin(countOf(active()), always)) return resolve()
        lookMs = Math.min(lookMs * 2, LOOK_MS_MAX)
        wait(look, lookMs)
      }
      wait(look, 0)
    })
}

/** A timer that nobody waits for is not listed; the port of the thread keeps it going. */
function wait(look: () => void, ms: number): void {
  setTimeout(look, ms).unref()
}

function countOf(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

function isWithin(counts: ReadonlyMap<string, number>, always: ReadonlyMap<string, number>): boolean {
  return [...counts].every(([name, count]) => count <= (always.get(name) ?? 0))
}
