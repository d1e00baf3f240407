// How long a member may trust its leases, by its own monotonic clock. Runs in the client, pure.
// A renewal counts from when it was sent: the broker took it then or later, so the member's view ends first.
import { groupLimits } from '../options.ts'

export class LeaseTerm {
  readonly #leaseMs: number
  #renewedAt = -Infinity

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** Notes a renewal that was sent at this time and answered. */
  renewed(sentAt: number): void {
    this.#renewedAt = Math.max(this.#renewedAt, sentAt)
  }

  /** Nothing that was renewed before counts any more. */
  end(): void {
    this.#renewedAt = -Infinity
  }

  /** When the trust ends. */
  get endsAt(): number {
    return this.#renewedAt + this.#leaseMs * (1 - groupLimits.uncertainPart)
  }

  isSure(now: number): boolean {
    return now < this.endsAt
  }
}
