// The renewals of a member as the rest of a group sees them, and those that are sent from the main thread: for a dial of
// the application's own, and where a thread cannot be started. Runs in the client.
import type { ControlPlane } from '../../connecting/control-plane.ts'
import type { Settings } from '../../settings.ts'
import { sleep, unlessAborted } from '../../waiting.ts'
import { keepRenewing } from './renewals.ts'

/** How a member names itself. */
export interface MemberClaim {
  readonly group: string
  readonly memberId: string
  readonly secret: Uint8Array
}

export interface HeartbeatOptions {
  readonly claim: MemberClaim
  readonly leaseMs: number
  readonly intervalMs: number
  /** A call of the handler that takes longer ends the renewals; Infinity for none. */
  readonly handlerTimeoutMs: number
  /** A renewal was answered that had been sent at this time of the client's monotonic clock. */
  readonly onRenewed: (sentAt: number) => void
  /** The broker knows no such member. */
  readonly onUnknown: () => void
}

export interface Heartbeat {
  /** Calls of handlers that are under way: the oldest one's begin, on the client's monotonic clock; undefined for none. */
  handling(since: number | undefined): void
  /** When the last renewal was sent that the broker has answered; -Infinity before the first. */
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
