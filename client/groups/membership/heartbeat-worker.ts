// THREAD ENTRY. The heartbeat of one member of a group: renews its lease over a connection of its own, even while the main
// thread is busy. Started by heartbeat-thread.ts; ends with the process, or when it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import type { Address } from '../../connecting/address.ts'
import { ControlPlane } from '../../connecting/control-plane.ts'
import { ConnectionPool } from '../../connecting/pool.ts'
import { resolveSettings, type ConnectOptions } from '../../settings.ts'
import { sleep } from '../../waiting.ts'
import type { MemberClaim } from './heartbeat.ts'
import { HeartbeatMemory } from './heartbeat-memory.ts'
import { keepRenewing } from './renewals.ts'

/** Data that the thread is started with. */
export interface HeartbeatWorkerData {
  readonly addresses: readonly Address[]
  readonly connect: Pick<ConnectOptions, 'clientName' | 'requestTimeoutMs' | 'retry'>
  readonly claim: MemberClaim
  readonly intervalMs: number
  /** Infinity for none. */
  readonly handlerTimeoutMs: number
  readonly memory: SharedArrayBuffer
}

/** Messages of the thread: a renewal was answered, or the broker knows no such member. */
export type HeartbeatMessage = 'renewed' | 'unknown'

const NS_PER_MS = 1_000_000

const { addresses, connect, claim, intervalMs, handlerTimeoutMs, memory } = workerData as HeartbeatWorkerData
const settings = resolveSettings(connect)
const control = new ControlPlane(addresses, new ConnectionPool(settings), settings)
const shared = new HeartbeatMemory(memory)
const tell = (message: HeartbeatMessage): void => parentPort!.postMessage(message)

function mayRenew(): boolean {
  const since = shared.handlingSince
  if (since === 0n) return true
  return Number(process.hrtime.bigint() - since) / NS_PER_MS <= handlerTimeoutMs
}

await keepRenewing({
  intervalMs,
  mayRenew,
  renew: async () => {
    const sentAt = process.hrtime.bigint()
    const connection = await control.connect()
    await connection.request('renewMember', claim)
    shared.renewedAt = sentAt
  },
  now: () => 0,
  onRenewed: () => tell('renewed'),
  onUnknown: () => tell('unknown'),
  pause: (ms) => sleep(ms, undefined),
})
