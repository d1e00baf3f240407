// What the agent needs of the world beside files and the network: time and chance. Handed in, so that tests drive them.
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

export interface AgentRim {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds from anywhere, which only rise. */
  monotonic(): number
  /** Fulfils after the time, or at once when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** 0 to 1. */
  random(): number
}

export const worldRim: AgentRim = {
  now: Date.now,
  monotonic: () => performance.now(),
  wait: async (ms, signal) => {
    await pause(ms, undefined, { signal }).catch(() => {})
  },
  random: Math.random,
}
