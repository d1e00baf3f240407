// Who may write under a producer id: only who holds the secret that the id is made of. Runs anywhere, pure.
// Everybody who reads a stream sees the ids in its batches. The secret travels beside a batch, from its producer to the
// host, and is never stored: so reading an id gives no way to write under it, to fence its owner or to answer its retries.
import { createHash } from 'node:crypto'
import { readU32 } from './bytes.ts'

const TWO_32 = 0x1_0000_0000

export interface ProducerIdentity {
  /** What stands in the batches. 0 where the secret is not to be used: the broker takes 0 for no producer. */
  readonly producerId: number
  /** Another part of the hash, which only the broker keeps: it tells two secrets of one id apart. */
  readonly tag: number
}

/** The SHA-256 of the secret: of its first and of its second 8 bytes, read little-endian, the lowest 53 bits each. */
export function producerIdentityOf(secret: Uint8Array): ProducerIdentity {
  const hash = createHash('sha256').update(secret).digest()
  return { producerId: low53At(hash, 0), tag: low53At(hash, 8) }
}

function low53At(bytes: Uint8Array, at: number): number {
  return (readU32(bytes, at + 4) & 0x1f_ffff) * TWO_32 + readU32(bytes, at)
}
