// Decides whether a session may write under the producer id of a batch: it must send the secret of which the id is a hash. Host
// main thread. Proofs are remembered for each session, so that a batch costs a comparison and not a hash. Sessions do not share
// proofs, so that no session can learn about the secret of another. Secrets are neither stored nor logged.
import { producerIdAt } from '../../../protocol/batch/batch.ts'
import { limits } from '../../../protocol/limits.ts'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'
import type { Session } from '../../server/session.ts'
import { addressNumberOf } from './address-number.ts'

/** Most proofs in memory, of all sessions together. Beyond it, proofs are forgotten, and hashed again when needed. */
const PROOFS_MAX = 65_536

/** The producer of a batch. All fields are 0 if it has none. */
export interface ProvenProducer {
  /** Differs for another producer of the same id. */
  readonly tag: number
  readonly session: number
  /** The number of the session's network address. */
  readonly address: number
}

const NO_PRODUCER: ProvenProducer = { tag: 0, session: 0, address: 0 }

/** What a proof needs of a session. */
type ProvingSession = Pick<Session, 'id' | 'remote'>

interface Proof {
  readonly secret: Buffer
  readonly producer: ProvenProducer
}

export class ProducerProofs {
  readonly #max: number
  #sessions = new WeakMap<ProvingSession, Map<number, Proof>>()
  #count = 0
  /** How many secrets have been hashed. */
  hashes = 0

  constructor({ max = PROOFS_MAX }: { max?: number } = {}) {
    this.#max = max
  }

  /**
   * Returns the producer of the batch, for its owner; undefined if the secret is missing, too short, or not that of the batch's
   * producer id.
   */
  producerOf(
    session: ProvingSession,
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
    // The secret is copied, because it is a view of the received frame.
    this.#remember(session, producerId, { secret: Buffer.from(secret), producer })
    return producer
  }

  #remember(session: ProvingSession, producerId: number, proof: Proof): void {
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
