// Processor time of a process, all of its threads together. Runs in the bench's main process. Linux only: read from /proc.
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from './clock.ts'

/** In which the kernel tells times of processes, on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100
/** Of the fields behind the name of the program, which may contain spaces. */
const USER_FIELD = 11
const SYSTEM_FIELD = 12

/** Seconds of user and system time since the process started. Rejects if it has ended. */
export async function processorSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) / TICKS_PER_SECOND
}

/** Watches a process for a time; fulfils with its processor time in percent of one core. */
export async function processorPercentOf(pid: number, seconds: number): Promise<number> {
  const startedAt = monotonicMs()
  const before = await processorSecondsOf(pid)
  await delay(seconds * 1000)
  const spent = (await processorSecondsOf(pid)) - before
  return (100 * spent) / ((monotonicMs() - startedAt) / 1000)
}
