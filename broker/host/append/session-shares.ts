// Bounds the bytes that one session may have in the queues of the owners before the host stops reading from it. Host main
// thread. The share shrinks as more sessions append, so that the queues seldom fill: the TCP connection of a producer that is
// too fast stands still, and the producer gets no error. A session without bytes in the queues may always send one request.
import { invariant } from '../../../protocol/invariant.ts'
import type { Session } from '../../server/session.ts'

interface Share {
  bytes: number
  held: boolean
}

export class SessionShares {
  readonly #queueBytes: number
  /** Sessions with unanswered bytes. Every batch is answered in the end, so no session stays here. */
  readonly #shares = new Map<Session, Share>()

  constructor(queueBytes: number) {
    this.#queueBytes = queueBytes
  }

  /** Called when a session has sent that many bytes. */
  take(session: Session, bytes: number): void {
    let share = this.#shares.get(session)
    if (!share) this.#shares.set(session, (share = { bytes: 0, held: false }))
    share.bytes += bytes
    if (share.held || share.bytes <= this.#allowance()) return
    share.held = true
    session.holdReading()
  }

  /** Called when that many bytes of a session are answered. */
  give(session: Session, bytes: number): void {
    const share = this.#shares.get(session)
    invariant(share && share.bytes >= bytes, 'a session was given back more than it had handed in')
    share.bytes -= bytes
    if (share.bytes === 0) this.#shares.delete(session)
    if (!share.held || share.bytes > this.#allowance()) return
    share.held = false
    session.releaseReading()
  }

  /** Returns the share of each session. One share is always left over, for a new session. */
  #allowance(): number {
    return this.#queueBytes / (this.#shares.size + 1)
  }
}
