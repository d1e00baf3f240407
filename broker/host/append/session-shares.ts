// How many bytes one session may have under way to the owners before the host stops reading from it. Host main thread.
// The share shrinks as more sessions append, so that the queues seldom fill: a producer that is too fast feels its own
// TCP connection stand still, instead of an error. A session always gets one more request through when it has nothing left.
import { invariant } from '../../../protocol/invariant.ts'
import type { Session } from '../../server/session.ts'

interface Share {
  bytes: number
  held: boolean
}

export class SessionShares {
  readonly #queueBytes: number
  /** Sessions with bytes under way; what is under way is answered sooner or later, so that none stays here. */
  readonly #shares = new Map<Session, Share>()

  constructor(queueBytes: number) {
    this.#queueBytes = queueBytes
  }

  /** The session handed in so much. */
  take(session: Session, bytes: number): void {
    let share = this.#shares.get(session)
    if (!share) this.#shares.set(session, (share = { bytes: 0, held: false }))
    share.bytes += bytes
    if (share.held || share.bytes <= this.#allowance()) return
    share.held = true
    session.holdReading()
  }

  /** So much of it is answered. */
  give(session: Session, bytes: number): void {
    const share = this.#shares.get(session)
    invariant(share && share.bytes >= bytes, 'a session was given back more than it had handed in')
    share.bytes -= bytes
    if (share.bytes === 0) this.#shares.delete(session)
    if (!share.held || share.bytes > this.#allowance()) return
    share.held = false
    session.releaseReading()
  }

  /** One share is always left over, for a session that comes new. */
  #allowance(): number {
    return this.#queueBytes / (this.#shares.size + 1)
  }
}
