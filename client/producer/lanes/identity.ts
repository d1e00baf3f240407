// What a lane writes under: a producer id, and the secret that it is made of. Runs in the client, pure.
import { limits } from '../../../protocol/limits.ts'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'

export interface LaneIdentity {
  readonly producerId: number
  /** Sent with every batch, and shown to nobody but its host. */
  readonly secret: Uint8Array
}

/** An identity that nobody has. `randomBytes` must not be predictable: what it gives is the only proof of the owner. */
export function drawIdentity(randomBytes: (length: number) => Uint8Array): LaneIdentity {
  for (;;) {
    const secret = randomBytes(limits.producerSecretBytesMin)
    const { producerId } = producerIdentityOf(secret)
    if (producerId !== 0) return { producerId, secret }
  }
}
