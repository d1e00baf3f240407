// What of the world a migration needs, and tests replace: clocks, chance and waiting. The rim of the migration.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Patience } from './patience.ts'

/** Clocks, chance and waiting. */
export type MigrationWorld = Pick<Patience, 'monotonic' | 'random' | 'sleep' | 'giveUpAfterMs'>

const GIVE_UP_AFTER_MS = 10 * 60_000
/** Shorter waits need no words. */
const TOLD_FROM_MS = 1_000

const realWorld: MigrationWorld = {
  monotonic: () => performance.now(),
  random: Math.random,
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  giveUpAfterMs: GIVE_UP_AFTER_MS,
}

export function worldPatience(
  world: MigrationWorld = realWorld,
  signal: AbortSignal,
  tell: (sentence: string) => void,
): Patience {
  return {
    ...world,
    signal,
    onWait: (error, delayMs) => {
      if (delayMs >= TOLD_FROM_MS) tell(`Waiting for Kinesis: ${error.name}: ${error.message}`)
    },
  }
}
