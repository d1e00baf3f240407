// The interface of a member's renewals, and the renewals that are sent from the main thread: with the application's own dial,
// and if a thread cannot be started. Runs in the client.
import type { ControlPlane } from '../../connecting/control-plane.ts'
import type { Settings } from '../../settings.ts'
import { sleep, unlessAborted } from '../../waiting.ts'
import { keepRenewing } from './renewals.ts'

/** The name of a member, and the secret that proves it. */
export interface MemberClaim {
  readonly group: string
  readonly memberId: string
  readonly secret: Uint8Array
}

export interface HeartbeatOptions {
  readonly claim: MemberClaim
  readonly leaseMs: number
  readonly intervalMs: number
  /** Longest time of a call of the handler; a longer one ends the renewals. Infinity for no limit. */
  readonly handlerTimeoutMs: number
  /** Called when a renewal was answered, with the time on the client's monotonic clock at which it was sent. */
  readonly onRenewed: (sentAt: number) => void
  /** Called when the broker knows no such member. */
  readonly onUnknown: () => void
}

export interface Heartbeat {
  /** Sets when the oldest running call of a handler began, on the client's monotonic clock; undefined if none runs. */
  handling(since: number | undefined): void
  /** When the last answered renewal was sent; -Infinity before the first. */
  readonly renewedAt: number
  stop(): void
}

/** Renews from the main thread. */
export class MainThreadHeartbeat implements Heartbeat {
  readonly #stopping = new AbortController()
  #since: number | undefined
  renewedAt = -Infinity

  constructor(options: HeartbeatOptions, control: ControlPlane, settings: Settings) {
    const { signal } = this.#stopping
    const { monotonic } = settings
    const renew = async (): Promise<void> => {
      const connection = await control.connect(signal)
      await unlessAborted(connection.request('renewMember', options.claim), signal)
    }
    keepRenewing({
      ...options,
      renew,
      now: monotonic,
      mayRenew: () => this.#since === undefined || monotonic() - this.#since <= options.handlerTimeoutMs,
      onRenewed: (sentAt) => {
        this.renewedAt = sentAt
        options.onRenewed(sentAt)
      },
      pause: (ms) => sleep(ms, signal),
    }).catch(() => {})
  }

  handling(since: number | undefined): void {
    this.#since = since
  }

  stop(): void {
    this.#stopping.abort()
  }
}
