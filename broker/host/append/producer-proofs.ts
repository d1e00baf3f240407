// Whether a session may write under the producer id of a batch: it must show the secret that the id is made of. Host main
// thread. What a session has proven is remembered, so that a batch costs a comparison and not a hash; one session's memory
// says nothing to another, so that nothing can be learnt from it about anyone's secret. Secrets are neither stored nor logged.
import { producerIdAt } from '../../../protocol/batch/batch.ts'
import { limits } from '../../../protocol/limits.ts'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'
import type { Session } from '../../server/session.ts'
import { addressNumberOf } from './address-number.ts'

/** Proofs of all sessions together: beyond it they are forgotten, and hashed again as they come. */
const PROOFS_MAX = 65_536

/** Whose a batch is. All are 0 where it has no producer. */
export interface ProvenProducer {
  /** Tells the producer from another of the same id. */
  readonly tag: number
  readonly session: number
  /** A number of the network address that the session comes from. */
  readonly address: number
}

const NO_PRODUCER: ProvenProducer = { tag: 0, session: 0, address: 0 }

interface Proof {
  readonly secret: Buffer
  readonly producer: ProvenProducer
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
   * Whose the batch is, for its owner; undefined where the secret is missing, too short, or not that of the batch's
   * producer id.
   */
  producerOf(
    session: Session,
    batch: Uint8Array,
    secret: Uint8Array | undefined,
  ): ProvenProducer | undefined {
    const producerId = producerIdAt(batch, 0)
    if (producerId === 0) return NO_PRODUCER
    if (secret === undefined || secret.length < limits.producerSecretBytesMin) return undefined
    const known = this.#sessions.get(session)?.get(producerId)
    if (known?.secret.equals(secret)) return known.producer
    this.hashes++
    const identity = producerIdentityOf(secret)
    if (identity.producerId !== producerId) return undefined
    const producer = { tag: identity.tag, session: session.id, address: addressNumberOf(session.remote) }
    // The secret is a view of the frame that it came in.
    this.#remember(session, producerId, { secret: Buffer.from(secret), producer })
    return producer
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
