// Resident memory of a whole broker, controller and hosts together. Runs in the bench's main process. The process ids are
// asked for once, before the broker is under load, so that measuring does not depend on its answers.
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from './connect.ts'
import { type RunningDaemon, residentMegabytes } from './daemon.ts'

/** The process ids of controller and hosts. */
export async function processesOf(daemon: RunningDaemon): Promise<readonly number[]> {
  await using client = await connect(daemon.url)
  const { hosts } = await client.describeBroker()
  return [daemon.pid, ...hosts.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))]
}

/** Resident memory of these processes together. Rejects if one of them has ended. */
export async function residentMegabytesOf(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map(residentMegabytes))
  return each.reduce((sum, megabytes) => sum + megabytes, 0)
}

export interface WatchedMemory {
  /** When the watch ended. */
  readonly lastMegabytes: number
  readonly mostMegabytes: number
  /** False if memory still grew at the deadline. */
  readonly hasSettled: boolean
}

const LOOK_EVERY_MS = 100
/** Smaller rises of the maximum do not count as growth. */
const NOISE_MEGABYTES = 1

export interface MemoryWatch {
  /** The watch ends when the maximum has not risen for so long, … */
  readonly quietMs: number
  /** … or after this time. */
  readonly deadlineMs: number
  /** The watch does not end before this settles. It must have a deadline of its own. */
  readonly during?: Promise<unknown>
}

/** Watches the memory of these processes. Rejects as `during` does, or if a process has ended. */
export async function watchMemory(
  pids: readonly number[],
  { quietMs, deadlineMs, during = Promise.resolve() }: MemoryWatch,
): Promise<WatchedMemory> {
  let endsAt = Infinity
  const begin = () => (endsAt = performance.now() + deadlineMs)
  during.then(begin, begin)
  let roseAt = 0
  let risenMegabytes = 0
  let mostMegabytes = 0
  for (;;) {
    const lastMegabytes = await residentMegabytesOf(pids)
    const now = performance.now()
    mostMegabytes = Math.max(mostMegabytes, lastMegabytes)
    if (mostMegabytes > risenMegabytes + NOISE_MEGABYTES) {
      risenMegabytes = mostMegabytes
      roseAt = now
    }
    const hasSettled = endsAt !== Infinity && now - roseAt >= quietMs
    if (hasSettled || now >= endsAt) {
      await during
      return { lastMegabytes, mostMegabytes, hasSettled }
    }
    await delay(LOOK_EVERY_MS)
  }
}
