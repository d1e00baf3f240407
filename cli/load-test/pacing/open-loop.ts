// Open-loop load: arrivals at a rate that the system under test cannot slow down. Latency counts from the intended time of
// each arrival, so a stall counts for all arrivals that it delays (no coordinated omission).
// Runs in the process that loads: a load process of the bench, or `millrace bench`.
import { Worker } from 'node:worker_threads'
import { arrivalsWithin, evenArrivals, timeOfArrival, type Arrivals } from './arrivals.ts'
import { monotonicMs } from './clock.ts'

/** The data that the pacer's thread is started with. */
export interface PacerData {
  readonly startsAt: number
  readonly arrivals: Arrivals
  /** Time between wake-ups: arrivals due in between are sent together, each with its own intended time. */
  readonly wakeMs: number
}

const START_DELAY_MS = 50
const WAKE_MS = 0.25

export interface OpenLoop {
  /** A rate a second, or one that changes. */
  readonly perSecond: number | Arrivals
  readonly seconds: number
  readonly stopped?: AbortSignal
  /** Called before the first arrival with the time at which it is due. */
  readonly onStart?: (startsAt: number) => void
  readonly send: (intendedAt: number) => void
}

/** Calls `send` with the intended time of each arrival, for `seconds` or until it is stopped. Rejects with what `send` throws. */
export async function runOpenLoop({ perSecond, seconds, stopped, onStart, send }: OpenLoop): Promise<void> {
  if (stopped?.aborted === true) return
  const arrivals = typeof perSecond === 'number' ? evenArrivals(perSecond) : perSecond
  const startsAt = monotonicMs() + START_DELAY_MS
  const total = Math.round(arrivalsWithin(seconds * 1000, arrivals))
  const workerData: PacerData = { startsAt, arrivals, wakeMs: WAKE_MS }
  onStart?.(startsAt)
  const pacer = new Worker(new URL('./pacer.js', import.meta.url), { workerData })
  try {
    await new Promise<void>((resolve, reject) => {
      let sent = 0
      stopped?.addEventListener('abort', () => resolve(), { once: true })
      pacer.on('error', reject)
      pacer.on('message', (due: number) => {
        try {
          for (; sent < Math.min(due, total) && stopped?.aborted !== true; sent++) {
            send(startsAt + timeOfArrival(sent, arrivals))
          }
          if (sent === total) resolve()
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
  } finally {
    await pacer.terminate()
  }
}
