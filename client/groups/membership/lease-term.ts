// How long a member may trust its leases, by its own monotonic clock. Runs in the client, pure.
// A renewal counts from the moment at which it was sent. The broker took it then or later, so the member stops trusting its
// lease before the broker ends it.
import { groupLimits } from '../options.ts'

export class LeaseTerm {
  readonly #leaseMs: number
  #renewedAt = -Infinity

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** Notes that a renewal which was sent at this time was answered. */
  renewed(sentAt: number): void {
    this.#renewedAt = Math.max(this.#renewedAt, sentAt)
  }

  /** Forgets all renewals. */
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
