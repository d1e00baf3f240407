// Open-loop load: arrivals at an even rate that the system under test cannot slow down. Latency counts from the intended
// time of each arrival, so a stall counts for all arrivals that it delays (no coordinated omission).
// Runs in a load process.
import { Worker } from 'node:worker_threads'
import { monotonicMs } from '../harness/clock.ts'

/** The data that the pacer's thread is started with. */
export interface PacerData {
  readonly startsAt: number
  readonly periodMs: number
  /** Time between wake-ups: arrivals due in between are sent together, each with its own intended time. */
  readonly wakeMs: number
}

const START_DELAY_MS = 50
const WAKE_MS = 0.25

/** Calls `send` with the intended time of each arrival, `perSecond` times a second, for `seconds` or until it is stopped. */
export async function runOpenLoop(options: {
  readonly perSecond: number
  readonly seconds: number
  readonly stopped?: AbortSignal
  readonly send: (intendedAt: number) => void
}): Promise<void> {
  const periodMs = 1000 / options.perSecond
  const startsAt = monotonicMs() + START_DELAY_MS
  const total = Math.round(options.perSecond * options.seconds)
  const workerData: PacerData = { startsAt, periodMs, wakeMs: WAKE_MS }
  const pacer = new Worker(new URL('./pacer.js', import.meta.url), { workerData })
  try {
    await new Promise<void>((resolve, reject) => {
      let sent = 0
      options.stopped?.addEventListener('abort', () => resolve(), { once: true })
      pacer.on('error', reject)
      pacer.on('message', (due: number) => {
        try {
          for (; sent < Math.min(due, total); sent++) options.send(startsAt + sent * periodMs)
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
