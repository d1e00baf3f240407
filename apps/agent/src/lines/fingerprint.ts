// Recognises bytes again. Pure. Not against forgery: against mistaking one log for another.
import { createHash } from 'node:crypto'
import type { Fingerprint } from './line-run.ts'

/** How many of a file's first bytes are compared, and how many of those before a position. */
export const FINGERPRINT_BYTES = 1024

const DIGEST_DIGITS = 20

export const NO_BYTES: Fingerprint = { bytes: 0, digest: '' }

export function fingerprintOf(bytes: Uint8Array): Fingerprint {
  if (bytes.length === 0) return NO_BYTES
  return {
    bytes: bytes.length,
    digest: createHash('sha1').update(bytes).digest('hex').slice(0, DIGEST_DIGITS),
  }
}

export function isSame(one: Fingerprint, other: Fingerprint): boolean {
  return one.bytes === other.bytes && one.digest === other.digest
}
