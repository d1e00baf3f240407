// Keeps a member alive by one renewal after another, as long as handlers do not hang. Runs in the client: in the thread of
// the heartbeat, or in the main thread if there is none. A failed renewal is tried again soon: a lease has room for some.
import { MillraceError } from '../../../protocol/millrace-error.ts'

export interface RenewalOptions {
  readonly renew: () => Promise<unknown>
  readonly intervalMs: number
  readonly now: () => number
  /** Returns false while a call of the handler exceeds its timeout. */
  readonly mayRenew: () => boolean
  /** Called when a renewal was answered, with the time at which it was sent. */
  readonly onRenewed: (sentAt: number) => void
  /** Called when the broker knows no such member: its lease has ended. */
  readonly onUnknown: () => void
  /** Waits; rejects when the renewals are ended. */
  readonly pause: (ms: number) => Promise<void>
}

/** Attempts in one interval while renewals fail. */
const ATTEMPTS_PER_INTERVAL = 5

/** Renews until `pause` rejects. */
export async function keepRenewing(options: RenewalOptions): Promise<void> {
  const { renew, intervalMs, now, mayRenew, onRenewed, onUnknown, pause } = options
  for (;;) {
    let isRenewed = false
    const sentAt = now()
    if (mayRenew()) {
      try {
        await renew()
        isRenewed = true
        onRenewed(sentAt)
      } catch (error) {
        if (MillraceError.is(error, 'memberNotFound')) onUnknown()
      }
    }
    await pause(isRenewed ? intervalMs : intervalMs / ATTEMPTS_PER_INTERVAL)
  }
}
