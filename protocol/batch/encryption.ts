// Encrypts the records of a finished batch, and opens them again. Runs in the client; the broker has no keys.
//
// What is authenticated beside the records is every byte that the client fixes before the ciphertext, and the stream's name:
//
//    bytes 0 … 11 │ bytes 36 … the last of the nonce │ the stream's name, ASCII
//
// So neither the header nor the key sample nor the key id can be changed, and no batch of another stream put in its place.
// Left out are the checksums and what the broker stamps. A batch that gets another identity is encrypted anew.
import type { KeyObject } from 'node:crypto'
import {
  BATCH_HEADER_BYTES,
  batchOffsets,
  bodyCrcOf,
  codecAt,
  ENCRYPTED_FLAG,
  HASH_KEY_BYTES,
  isEncryptedAt,
  recordsStartAt,
  SAMPLED_KEYS_SHIFT,
} from './batch.ts'
import { readU16, writeU16, writeU32, writeU32BigEndian } from '../bytes.ts'
import { envelopeBytes, NONCE_BYTES, TAG_BYTES } from './envelope.ts'
import { invariant } from '../invariant.ts'
import { drawHashKeys, sampledKeyCount } from './key-sample.ts'
import { limits } from '../limits.ts'
import { MillraceError } from '../millrace-error.ts'
import { xaesOpen, xaesSeal } from './xaes.ts'

/** A key with the id that stands in each batch encrypted with it. */
export interface BatchKey {
  /** 1 to 128 visible ASCII characters. */
  readonly id: string
  /** A secret key of 32 bytes. */
  readonly secret: KeyObject
}

const NO_BYTES = new Uint8Array(0)

export interface EncryptOptions {
  readonly key: BatchKey
  /** Name of the stream that the batch is for. */
  readonly stream: string
  /** 24 random bytes that are never used again. */
  readonly nonce: Uint8Array
  /** Returns numbers in [0, 1); draws the key sample of an uncompressed batch. */
  readonly random: () => number
  /** Returns memory of at least so many bytes; fresh memory by default. */
  readonly take?: (bytes: number) => Uint8Array
}

/** Returns a finished batch with its records encrypted. The given batch is left as it is. */
export function encryptBatch(batch: Uint8Array, options: EncryptOptions): Uint8Array {
  const { key, stream, nonce, random, take = (bytes) => Buffer.allocUnsafeSlow(bytes) } = options
  invariant(!isEncryptedAt(batch, 0), 'a batch is encrypted once')
  invariant(nonce.length === NONCE_BYTES, 'a nonce has 24 bytes')
  const recordsAt = recordsStartAt(batch, 0)
  const records = batch.subarray(recordsAt)
  const sample = codecAt(batch, 0) === 'none' ? drawSample(batch, records, random) : batch.subarray(BATCH_HEADER_BYTES, recordsAt) // prettier-ignore
  const envelopeAt = BATCH_HEADER_BYTES + sample.length
  const length = envelopeAt + envelopeBytes(key.id.length) + records.length
  invariant(length <= limits.batchBytesMax, 'a batch to be encrypted leaves room for its envelope')

  const sealed = take(length).subarray(0, length)
  sealed.set(batch.subarray(0, BATCH_HEADER_BYTES))
  sealed.set(sample, BATCH_HEADER_BYTES)
  writeU32(sealed, batchOffsets.batchLength, length)
  const codecBits = readU16(batch, batchOffsets.attributes) & ((1 << SAMPLED_KEYS_SHIFT) - 1)
  const sampleBits = (sample.length / HASH_KEY_BYTES) << SAMPLED_KEYS_SHIFT
  writeU16(sealed, batchOffsets.attributes, codecBits | sampleBits | ENCRYPTED_FLAG)
  sealed[envelopeAt] = key.id.length
  const nonceAt = envelopeAt + 1 + key.id.length
  for (let i = 0; i < key.id.length; i++) sealed[envelopeAt + 1 + i] = key.id.charCodeAt(i)
  sealed.set(nonce, nonceAt)

  const contentAt = nonceAt + NONCE_BYTES
  const authenticated = authenticatedOf(sealed, contentAt, stream)
  const { ciphertext, tag } = xaesSeal(key.secret, { nonce, authenticated }, records)
  sealed.set(ciphertext, contentAt)
  sealed.set(tag, contentAt + records.length)
  writeU32(sealed, batchOffsets.bodyCrc, bodyCrcOf(sealed))
  return sealed
}

/** Returns the key id of an encrypted batch whose header was checked. */
export function keyIdOf(batch: Uint8Array): string {
  const at = recordsStartAt(batch, 0)
  return String.fromCharCode(...batch.subarray(at + 1, at + 1 + batch[at]!))
}

/**
 * Returns the records of an encrypted batch whose header was checked, compressed or not as the header says. Throws
 * `decryptionFailed` if the key is another one, if the batch is of another stream, or if any of its bytes was changed.
 */
export function openBatch(batch: Uint8Array, secret: KeyObject, stream: string): Uint8Array {
  const envelopeAt = recordsStartAt(batch, 0)
  const nonceAt = envelopeAt + 1 + batch[envelopeAt]!
  const contentAt = nonceAt + NONCE_BYTES
  const tagAt = batch.length - TAG_BYTES
  const records = xaesOpen(
    secret,
    {
      nonce: batch.subarray(nonceAt, contentAt),
      authenticated: authenticatedOf(batch, contentAt, stream),
    },
    { ciphertext: batch.subarray(contentAt, tagAt), tag: batch.subarray(tagAt) },
  )
  if (records !== undefined) return records
  throw new MillraceError(
    'decryptionFailed',
    `The records do not decrypt with key ${keyIdOf(batch)}: the key's bytes are others than when they were written, ` +
      'or the batch was changed or moved from another stream.',
  )
}

/** The key sample of a batch that has none yet; none if all records share one key, which the header's bounds tell. */
function drawSample(batch: Uint8Array, records: Uint8Array, random: () => number): Uint8Array {
  const { lowestHashKey, highestHashKey } = batchOffsets
  const lowest = batch.subarray(lowestHashKey, lowestHashKey + HASH_KEY_BYTES)
  const highest = batch.subarray(highestHashKey, highestHashKey + HASH_KEY_BYTES)
  if (Buffer.compare(lowest, highest) === 0) return NO_BYTES
  const keys = drawHashKeys(records, sampledKeyCount(records.length), random)
  const sample = new Uint8Array(keys.length * HASH_KEY_BYTES)
  for (const [i, words] of keys.entries()) {
    for (const [j, word] of words.entries()) writeU32BigEndian(sample, i * HASH_KEY_BYTES + j * 4, word)
  }
  return sample
}

function authenticatedOf(batch: Uint8Array, contentAt: number, stream: string): Uint8Array {
  const fixed = batch.subarray(0, batchOffsets.bodyCrc)
  return Buffer.concat([fixed, batch.subarray(batchOffsets.attributes, contentAt), Buffer.from(stream)])
}
