// THREAD ENTRY. The heartbeat of one member of a group: renews its lease over a connection of its own, even while the main
// thread is busy. Started by heartbeat-thread.ts; ends with the process, or when it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import type { Address } from '../../connecting/address.ts'
import type { TlsOptions } from '../../connecting/tls-transport.ts'
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
  /** True if the broker is reached by TLS. */
  readonly isSecure: boolean
  /** True if the client has a token, which is asked for at each dial. */
  readonly hasToken: boolean
  readonly connect: Pick<ConnectOptions, 'clientName' | 'requestTimeoutMs' | 'retry'>
  readonly claim: MemberClaim
  readonly intervalMs: number
  /** Infinity for none. */
  readonly handlerTimeoutMs: number
  readonly memory: SharedArrayBuffer
}

/** Messages of the thread: a renewal was answered, the broker knows no such member, or the thread dials and needs credentials. */
export type HeartbeatMessage = 'renewed' | 'unknown' | 'credentials'

/** The answer to `credentials`: what the application gives at this dial, or why it gives nothing. */
export type HeartbeatCredentials =
  { readonly tls: TlsOptions; readonly token: string | undefined } | { readonly failure: string }

const NS_PER_MS = 1_000_000

/** While the main thread is busy for longer, a dial uses the credentials of the dial before. */
const ANSWER_MS = 500

const { addresses, isSecure, hasToken, connect, claim, intervalMs, handlerTimeoutMs, memory } =
  workerData as HeartbeatWorkerData
type Given = Exclude<HeartbeatCredentials, { failure: string }>
let known: Given | undefined
/** One question at a time: a dial asks for a token and for what TLS needs. */
let asking: Promise<Given> | undefined

function tell(message: HeartbeatMessage): void {
  parentPort!.postMessage(message)
}

/** Asks the main thread, since the application's functions run there. */
function credentials(): Promise<Given> {
  return (asking ??= ask().finally(() => (asking = undefined)))
}

async function ask(): Promise<Given> {
  const answer = new Promise<HeartbeatCredentials>((resolve) => parentPort!.once('message', resolve))
  const isBusy = known === undefined ? [] : [sleep(ANSWER_MS, undefined)]
  tell('credentials')
  const credentials = await Promise.race([answer, ...isBusy])
  if (credentials === undefined) return known!
  if ('failure' in credentials) throw new Error(credentials.failure)
  return (known = credentials)
}

const settings = resolveSettings(
  {
    ...connect,
    ...(isSecure && { tls: async () => (await credentials()).tls }),
    ...(hasToken && { token: async () => (await credentials()).token ?? '' }),
  },
  { isSecure, addresses },
)
const control = new ControlPlane(addresses, new ConnectionPool(settings), settings)
const shared = new HeartbeatMemory(memory)

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
