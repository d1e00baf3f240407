// THREAD ENTRY of the pacer: tells a load process which arrivals are due, evenly and finer than setTimeout's millisecond.
// The pacer sleeps in Atomics.wait, so it uses no core, and counts from the start, so it never skips an arrival.
import { parentPort, workerData } from 'node:worker_threads'
import { monotonicMs } from '../harness/clock.ts'
import type { PacerData } from './open-loop.ts'

const { startsAt, periodMs, wakeMs } = workerData as PacerData
const sleeper = new Int32Array(new SharedArrayBuffer(4))

for (let told = 0; ;) {
  const due = Math.floor((monotonicMs() - startsAt) / periodMs) + 1
  if (due > told) {
    parentPort?.postMessage(due)
    told = due
  }
  Atomics.wait(sleeper, 0, 0, Math.max(wakeMs, startsAt + told * periodMs - monotonicMs()))
}
