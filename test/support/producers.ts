// Producers for tests: ids with the secrets they are made from, the same in every run. Runs anywhere.
import { limits } from '../../protocol/limits.ts'
import { producerIdentityOf } from '../../protocol/producer-identity.ts'

export interface TestProducer {
  readonly producerId: number
  readonly secret: Uint8Array
}

const known = new Map<number, Uint8Array>()

/** The nth test producer. */
export function producerNumber(n: number): TestProducer {
  const secret = Buffer.alloc(limits.producerSecretBytesMin)
  secret.writeUInt32LE(n, 0)
  const { producerId } = producerIdentityOf(secret)
  known.set(producerId, secret)
  return { producerId, secret }
}

/** The secret of a producer made by `producerNumber`. */
export function secretOf(producerId: number): Uint8Array | undefined {
  return known.get(producerId)
}
