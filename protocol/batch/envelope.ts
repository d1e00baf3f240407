// The envelope of an encrypted batch's records: what stands before and behind the ciphertext. Runs anywhere, pure; the broker
// checks its lengths and never opens it. encryption.ts seals and opens it.
//
//    ┌────────┬─────────────────────┬─────────────────┬─────────────────────────────────┬───────────────┐
//    │ id     │ key id              │ nonce, 24 bytes │ ciphertext of the records, as   │ tag, 16 bytes │
//    │ bytes  │ visible ASCII       │                 │ long as they are, compressed or │               │
//    │ u8     │                     │                 │ not                             │               │
//    └────────┴─────────────────────┴─────────────────┴─────────────────────────────────┴───────────────┘
import { limits } from '../limits.ts'

export const NONCE_BYTES = 24
export const TAG_BYTES = 16

/** Returns the bytes that an envelope adds to what it holds. */
export function envelopeBytes(keyIdBytes: number): number {
  return 1 + keyIdBytes + NONCE_BYTES + TAG_BYTES
}

/** What encryption adds to a batch at most: the longest envelope, and the key sample that an uncompressed batch then has. */
export const ENCRYPTION_BYTES_MAX = envelopeBytes(limits.keyIdLengthMax) + limits.batchSampledKeysMax * 16

/** Returns a sentence that says what is wrong with a key id, or undefined if it is valid. */
export function checkKeyId(id: string): string | undefined {
  if (id.length >= 1 && id.length <= limits.keyIdLengthMax && /^[!-~]+$/.test(id)) return undefined
  return `A key id is made of 1 to ${limits.keyIdLengthMax} visible ASCII characters; this one has ${id.length} characters.`
}

/**
 * Returns a sentence that says what is wrong with the envelope from `at` to the end of `bytes`, or undefined if it is
 * sound. `contentBytes` is the length of what it holds, where that is known.
 */
export function findEnvelopeFault(
  bytes: Uint8Array,
  at: number,
  contentBytes: number | undefined,
): string | undefined {
  const keyIdBytes = bytes[at] ?? 0
  if (keyIdBytes < 1 || keyIdBytes > limits.keyIdLengthMax) {
    return `The batch says its key id has ${keyIdBytes} bytes; it must have 1 to ${limits.keyIdLengthMax}.`
  }
  const found = bytes.length - at - envelopeBytes(keyIdBytes)
  if (found < 1) return `The batch is too short for an encrypted one with a key id of ${keyIdBytes} bytes.`
  if (contentBytes !== undefined && found !== contentBytes) {
    return `The batch says its records have ${contentBytes} bytes; ${found} are encrypted.`
  }
  for (let i = at + 1; i <= at + keyIdBytes; i++) {
    if (bytes[i]! < 0x21 || bytes[i]! > 0x7e)
      return "The batch's key id is not made of visible ASCII characters."
  }
  return undefined
}
