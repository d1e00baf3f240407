// Producers for tests: ids with the secrets that they are made of, the same in every run. Runs anywhere.
import { limits } from '../../protocol/limits.ts'
import { producerIdentityOf } from '../../protocol/producer-identity.ts'

export interface TestProducer {
  readonly producerId: number
  readonly secret: Uint8Array
}

const known = new Map<number, Uint8Array>()

/** The nth producer. */
export function producerNumber(n: number): TestProducer {
  const secret = Buffer.alloc(limits.producerSecretBytesMin)
  secret.writeUInt32LE(n, 0)
  const { producerId } = producerIdentityOf(secret)
  known.set(producerId, secret)
  return { producerId, secret }
}

/** The secret of a producer that was made here. */
export function secretOf(producerId: number): Uint8Array | undefined {
  return known.get(producerId)
}
