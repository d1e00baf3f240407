// A wait that may end early.
import { setTimeout as sleep } from 'node:timers/promises'

/** Fulfils after so many milliseconds, or when the signal fires. */
export async function pausing(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
