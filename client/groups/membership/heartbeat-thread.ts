// Starts and watches the thread of a member's heartbeat. Runs in the client. A handler that keeps the event loop busy for half
// a minute must not lose its lease, so renewals cannot depend on that loop. If the thread cannot run (a bundler left out the
// worker's file, say), the main thread renews, and the application is told.
import { Worker } from 'node:worker_threads'
import type { ControlPlane } from '../../connecting/control-plane.ts'
import { errorFrom } from '../../errors.ts'
import type { Settings } from '../../settings.ts'
import { MainThreadHeartbeat, type Heartbeat, type HeartbeatOptions } from './heartbeat.ts'
import { HeartbeatMemory } from './heartbeat-memory.ts'
import type { HeartbeatCredentials, HeartbeatMessage, HeartbeatWorkerData } from './heartbeat-worker.ts'

const NS_PER_MS = 1_000_000

export interface ThreadHeartbeatOptions extends HeartbeatOptions {
  /** Called when the thread does not run. The main thread renews from then on. */
  readonly onFallback: (error: Error) => void
}

/** Renews from a thread of its own. */
export class ThreadHeartbeat implements Heartbeat {
  readonly #options: ThreadHeartbeatOptions
  readonly #control: ControlPlane
  readonly #settings: Settings
  readonly #memory = new HeartbeatMemory()
  readonly #worker: Worker
  #fallback: MainThreadHeartbeat | undefined
  #since: number | undefined
  #isStopped = false

  constructor(options: ThreadHeartbeatOptions, control: ControlPlane, settings: Settings) {
    this.#options = options
    this.#control = control
    this.#settings = settings
    const { claim, intervalMs, handlerTimeoutMs, leaseMs } = options
    const { clientName, retry, requestTimeoutMs } = settings
    const workerData: HeartbeatWorkerData = {
      addresses: control.addresses,
      isSecure: settings.tls !== undefined,
      hasToken: settings.token !== undefined,
      // A connection without an answer must be given up while the lease has time for another one.
      connect: { clientName, retry, requestTimeoutMs: Math.ceil(Math.min(requestTimeoutMs, leaseMs / 2)) },
      claim,
      intervalMs,
      handlerTimeoutMs,
      memory: this.#memory.buffer,
    }
    this.#worker = new Worker(new URL('./heartbeat-worker.js', import.meta.url), {
      workerData,
      name: 'heartbeat',
      // The thread reads no input, prints nothing, and does not take the application's flags.
      execArgv: [],
      env: {},
    })
    this.#worker.on('message', (message: HeartbeatMessage) => {
      if (message === 'credentials') void this.#giveCredentials()
      else if (message === 'unknown') options.onUnknown()
      else options.onRenewed(this.renewedAt)
    })
    this.#worker.on('error', (error: Error) => this.#fallBack(error))
    this.#worker.on('exit', () => this.#fallBack(new Error('the thread of the heartbeat has ended')))
    this.#worker.unref()
  }

  get renewedAt(): number {
    if (this.#fallback !== undefined) return this.#fallback.renewedAt
    const at = this.#memory.renewedAt
    return at === 0n ? -Infinity : this.#settings.monotonic() - msSince(at)
  }

  handling(since: number | undefined): void {
    this.#since = since
    this.#fallback?.handling(since)
    const ago = since === undefined ? 0 : this.#settings.monotonic() - since
    this.#memory.handlingSince =
      since === undefined ? 0n : process.hrtime.bigint() - BigInt(Math.round(ago * NS_PER_MS))
  }

  stop(): void {
    this.#isStopped = true
    this.#fallback?.stop()
    void this.#worker.terminate()
  }

  /** Asks the application's function, which cannot run in the thread. */
  async #giveCredentials(): Promise<void> {
    let credentials: HeartbeatCredentials
    try {
      credentials = { tls: (await this.#settings.tls?.()) ?? {}, token: await this.#settings.token?.() }
    } catch (error) {
      credentials = { failure: errorFrom(error).message }
    }
    this.#worker.postMessage(credentials)
  }

  #fallBack(error: Error): void {
    if (this.#isStopped || this.#fallback !== undefined) return
    this.#options.onFallback(error)
    this.#fallback = new MainThreadHeartbeat(this.#options, this.#control, this.#settings)
    this.#fallback.handling(this.#since)
  }
}

function msSince(at: bigint): number {
  return Number(process.hrtime.bigint() - at) / NS_PER_MS
}
