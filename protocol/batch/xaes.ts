// XAES-256-GCM, as c2sp.org/XAES-256-GCM defines it: AES-256-GCM under a key of its own for each message, which two blocks of
// AES derive from the key and the first half of a random nonce of 192 bits. Runs in the client, pure.
// With AES-GCM's own nonce of 96 bits, a key would have to be changed before 2^32 messages, which is four days of a busy stream;
// this way no number of messages wears it out. All that is here is the derivation; the ciphers are OpenSSL's.
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'

const DERIVED_FROM_BYTES = 12
const BLOCK_BYTES = 16
const TAG_BYTES = 16

export interface XaesContext {
  /** 24 random bytes that are used for one message. */
  readonly nonce: Uint8Array
  /** What is authenticated beside the message, and not encrypted. */
  readonly authenticated: Uint8Array
}

export interface XaesSealed {
  /** As long as the plaintext. */
  readonly ciphertext: Uint8Array
  /** 16 bytes. */
  readonly tag: Uint8Array
}

/** Encrypts and authenticates. `secret` is a secret key of 32 bytes. */
export function xaesSeal(secret: KeyObject, context: XaesContext, plaintext: Uint8Array): XaesSealed {
  const { nonce, authenticated } = context
  const iv = nonce.subarray(DERIVED_FROM_BYTES)
  const cipher = createCipheriv('aes-256-gcm', deriveKey(secret, nonce), iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(authenticated)
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

/** Returns the plaintext; undefined if the key, the nonce, the ciphertext, the tag or what is authenticated is another. */
export function xaesOpen(
  secret: KeyObject,
  { nonce, authenticated }: XaesContext,
  { ciphertext, tag }: XaesSealed,
): Uint8Array | undefined {
  const iv = nonce.subarray(DERIVED_FROM_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', deriveKey(secret, nonce), iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(authenticated)
  decipher.setAuthTag(tag)
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
    return plaintext
  } catch {
    return undefined
  }
}

/** The second key of CMAC, by which XAES derives keys; it depends on the key alone. */
const subkeys = new WeakMap<KeyObject, Uint8Array>()

/** The key of one batch, as XAES-256-GCM derives it from the first half of the nonce. */
function deriveKey(secret: KeyObject, nonce: Uint8Array): Uint8Array {
  const subkey = subkeyOf(secret)
  const blocks = new Uint8Array(2 * BLOCK_BYTES)
  for (const i of [0, 1]) {
    const at = i * BLOCK_BYTES
    blocks.set([0, i + 1, 0x58, 0], at)
    blocks.set(nonce.subarray(0, DERIVED_FROM_BYTES), at + BLOCK_BYTES - DERIVED_FROM_BYTES)
    for (let j = 0; j < BLOCK_BYTES; j++) blocks[at + j]! ^= subkey[j]!
  }
  return encryptBlocks(secret, blocks)
}

function subkeyOf(secret: KeyObject): Uint8Array {
  const known = subkeys.get(secret)
  if (known !== undefined) return known
  const block = encryptBlocks(secret, new Uint8Array(BLOCK_BYTES))
  const subkey = new Uint8Array(BLOCK_BYTES)
  for (let i = 0; i < BLOCK_BYTES; i++) subkey[i] = (block[i]! << 1) | ((block[i + 1] ?? 0) >>> 7)
  if (block[0]! >= 0x80) subkey[BLOCK_BYTES - 1]! ^= 0x87
  subkeys.set(secret, subkey)
  return subkey
}

/** AES of single blocks, of which each is as random as the key: never of data. */
function encryptBlocks(secret: KeyObject, blocks: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-ecb', secret, null).setAutoPadding(false)
  return cipher.update(blocks)
}
