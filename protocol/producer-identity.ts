// Derives a producer id from a secret, so that only the holder of the secret may write under the id. Runs anywhere, pure.
// Every reader of a stream sees the ids in its batches. The secret is sent beside a batch, from the producer to the host, and
// is never stored. So a reader cannot write under another producer's id, fence that producer, or pass for its retries.
import { createHash } from 'node:crypto'
import { readU32 } from './bytes.ts'

const TWO_32 = 0x1_0000_0000

export interface ProducerIdentity {
  /** The id in the batches. 0 means that the secret cannot be used, since 0 stands for no producer. */
  readonly producerId: number
  /** Another part of the hash, which only the broker keeps, to distinguish two secrets that have the same id. */
  readonly tag: number
}

/** Takes the lowest 53 bits of the first and the second 8 bytes of the secret's SHA-256, read little-endian. */
export function producerIdentityOf(secret: Uint8Array): ProducerIdentity {
  const hash = createHash('sha256').update(secret).digest()
  return { producerId: low53At(hash, 0), tag: low53At(hash, 8) }
}

function low53At(bytes: Uint8Array, at: number): number {
  return (readU32(bytes, at + 4) & 0x1f_ffff) * TWO_32 + readU32(bytes, at)
}
