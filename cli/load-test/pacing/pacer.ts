// THREAD ENTRY of the pacer: tells a process that loads which arrivals are due, evenly and finer than setTimeout's millisecond.
// The pacer sleeps in Atomics.wait, so it uses no core, and counts from the start, so it never skips an arrival.
import { parentPort, workerData } from 'node:worker_threads'
import { arrivalsWithin, timeOfArrival } from './arrivals.ts'
import { monotonicMs } from './clock.ts'
import type { PacerData } from './open-loop.ts'

const { startsAt, arrivals, wakeMs } = workerData as PacerData
const sleeper = new Int32Array(new SharedArrayBuffer(4))

for (let told = 0; ;) {
  const elapsedMs = monotonicMs() - startsAt
  const due = elapsedMs < 0 ? 0 : Math.floor(arrivalsWithin(elapsedMs, arrivals)) + 1
  if (due > told) {
    parentPort?.postMessage(due)
    told = due
  }
  const nextMs = startsAt + timeOfArrival(told, arrivals) - monotonicMs()
  Atomics.wait(sleeper, 0, 0, Math.max(wakeMs, nextMs))
}
