// Decides whether a session may write under the producer id of a batch: it must send the secret of which the id is a hash. Host
// main thread. Proofs are remembered for each session, so that a batch costs a comparison and not a hash. Sessions do not share
// proofs, so that no session can learn about the secret of another. Secrets are neither stored nor logged. A producer belongs to
// the principal that wrote under it: its secret proves nothing for another one.
import { createHash } from 'node:crypto'
import { producerIdAt } from '../../../protocol/batch/batch.ts'
import { limits } from '../../../protocol/limits.ts'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'
import type { Session } from '../../server/session.ts'
import { addressNumberOf, principalNumberOf } from './origin-numbers.ts'

/** Most proofs in memory, of all sessions together. Beyond it, proofs are forgotten, and hashed again when needed. */
const PROOFS_MAX = 65_536

/** The producer of a batch. All fields are 0 if it has none. */
export interface ProvenProducer {
  /** Differs for another producer of the same id, and for the same secret in the hands of another principal. */
  readonly tag: number
  /** The tag of the secret alone: that of producers that wrote while nobody had to say who he was. */
  readonly openTag: number
  /** The number of the principal, or of the session where nobody said who asks. */
  readonly holder: number
  /** The number of the session's network address. */
  readonly address: number
  /** Producers that the holder may have at an owner, by its quota; 0: no quota. */
  readonly most: number
}

const NO_PRODUCER: ProvenProducer = { tag: 0, openTag: 0, holder: 0, address: 0, most: 0 }

/** What a proof needs of a session. */
type ProvingSession = Pick<Session, 'id' | 'remote' | 'identity'>

interface Proof {
  readonly secret: Buffer
  /** The principal that showed it. */
  readonly principal: string | undefined
  readonly producer: ProvenProducer
}

export class ProducerProofs {
  readonly #max: number
  readonly #mostOf: (principal: string) => number
  #sessions = new WeakMap<ProvingSession, Map<number, Proof>>()
  #count = 0
  /** How many secrets have been hashed. */
  hashes = 0

  /** `mostOf` says how many producers a principal may have at an owner, by its quota; 0: no quota. */
  constructor({
    max = PROOFS_MAX,
    mostOf = () => 0,
  }: { max?: number; mostOf?: ((principal: string) => number) | undefined } = {}) {
    this.#max = max
    this.#mostOf = mostOf
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
    const { principal } = session.identity
    if (known !== undefined && known.principal === principal && known.secret.equals(secret))
      return known.producer
    this.hashes++
    const identity = producerIdentityOf(secret)
    if (identity.producerId !== producerId) return undefined
    const { tag: openTag } = identity
    const tag = principal === undefined ? openTag : tagOf(secret, principal)
    const producer = {
      tag,
      openTag,
      holder: principal === undefined ? session.id : principalNumberOf(principal),
      address: addressNumberOf(session.remote),
      most: principal === undefined ? 0 : this.#mostOf(principal),
    }
    // The secret is copied, because it is a view of the received frame.
    this.#remember(session, producerId, { secret: Buffer.from(secret), principal, producer })
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

/** What stands for a secret in the hands of one principal: 48 bits of a hash of both. */
function tagOf(secret: Uint8Array, principal: string): number {
  const ofSecret = createHash('sha256').update(secret).digest()
  return createHash('sha256').update(ofSecret).update(principal).digest().readUIntLE(0, 6)
}
