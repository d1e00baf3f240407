// Whether a session may write under the producer id of a batch: it must show the secret that the id is made of. Host main
// thread. What a session has proven is remembered, so that a batch costs a comparison and not a hash; one session's memory
// says nothing to another, so that nothing can be learnt from it about anyone's secret. Secrets are neither stored nor logged.
import { producerIdAt } from '../../../protocol/batch.ts'
import { limits } from '../../../protocol/limits.ts'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'
import type { Session } from '../../server/session.ts'

/** Proofs of all sessions together: beyond it they are forgotten, and hashed again as they come. */
const PROOFS_MAX = 65_536

interface Proof {
  readonly secret: Buffer
  readonly tag: number
}

export class ProducerProofs {
  readonly #max: number
  #sessions = new WeakMap<Session, Map<number, Proof>>()
  #count = 0
  /** How many secrets were hashed. */
  hashes = 0

  constructor({ max = PROOFS_MAX }: { max?: number } = {}) {
    this.#max = max
  }

  /**
   * The tag by which the owner tells the producer from another of its id; 0 for a batch without a producer. Undefined where
   * the secret is missing, too short, or not that of the batch's producer id.
   */
  tagOf(session: Session, batch: Uint8Array, secret: Uint8Array | undefined): number | undefined {
    const producerId = producerIdAt(batch, 0)
    if (producerId === 0) return 0
    if (secret === undefined || secret.length < limits.producerSecretBytesMin) return undefined
    const known = this.#sessions.get(session)?.get(producerId)
    if (known?.secret.equals(secret)) return known.tag
    this.hashes++
    const identity = producerIdentityOf(secret)
    if (identity.producerId !== producerId) return undefined
    // The secret is a view of the frame that it came in.
    this.#remember(session, producerId, { secret: Buffer.from(secret), tag: identity.tag })
    return identity.tag
  }

  #remember(session: Session, producerId: number, proof: Proof): void {
    if (this.#count >= this.#max) {
      this.#sessions = new WeakMap()
      this.#count = 0
    }
    let proofs = this.#sessions.get(session)
    if (proofs === undefined) this.#sessions.set(session, (proofs = new Map()))
    proofs.set(producerId, proof)
    this.#count++
  }
}
