// Drives a test's time: fake timers move only when everything that can happen without them has happened, so that
// deadlines and backoffs pass in an instant and in the same order every time.
import { vi } from 'vitest'

const TURNS_A_STEP = 4

/** Installs fake timers for a test; answers how to take them out. setImmediate stays real: it is how turns pass. */
export function fakeTime(): () => void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  })
  return () => vi.useRealTimers()
}

/** Lets streams, promises and immediates run. */
export async function turns(count = TURNS_A_STEP): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Moves time in steps until the promise settles; fails when `limitMs` of it have passed. */
export async function driven<T>(
  promise: Promise<T>,
  options: { stepMs?: number; limitMs?: number } = {},
): Promise<T> {
  const { stepMs = 5, limitMs = 600_000 } = options
  let isSettled = false
  const watched = promise.finally(() => (isSettled = true))
  watched.catch(() => {})
  for (let passed = 0; !isSettled; passed += stepMs) {
    if (passed > limitMs) throw new Error(`nothing came of it within ${limitMs} ms of driven time`)
    await turns()
    if (!isSettled) await vi.advanceTimersByTimeAsync(stepMs)
  }
  return watched
}

/** Lets time pass. */
export async function pass(ms: number, stepMs = 5): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    await turns()
    await vi.advanceTimersByTimeAsync(stepMs)
  }
}
