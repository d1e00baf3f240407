// What a lane writes under: a producer id, and the secret that it is made of. Runs in the client, pure.
import { limits } from '../../../protocol/limits.ts'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'

export interface LaneIdentity {
  readonly producerId: number
  /** Sent with every batch. Only the batch's host learns it. */
  readonly secret: Uint8Array
}

/** Makes a new identity. `randomBytes` must not be predictable: the secret is the only proof of the owner. */
export function drawIdentity(randomBytes: (length: number) => Uint8Array): LaneIdentity {
  for (;;) {
    const secret = randomBytes(limits.producerSecretBytesMin)
    const { producerId } = producerIdentityOf(secret)
    if (producerId !== 0) return { producerId, secret }
  }
}
