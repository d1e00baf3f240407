// The seal of iterators and page tokens: what it closes can be neither read nor made nor changed by others. Pure but for the key.
// AES-256 in counter mode under an initialisation vector that is the HMAC of the content (a synthetic one, as in RFC 5297): without
// random numbers none can be used twice for two contents, however many are made, and opening it proves every bit.
import { createCipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Client } from 'millrace'

/** What is sealed for one purpose does not open for another. */
export type SealPurpose = 'shard-iterator' | 'page-token'

/** Bytes that a seal adds. */
export const SEAL_BYTES = 16

const KEY_BYTES = 32

export class Seal {
  readonly #proof: Uint8Array
  readonly #cipher: Uint8Array

  /** @param key 32 secret bytes */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES)
      throw new Error(`A seal needs a key of ${KEY_BYTES} bytes, got ${key.length}.`)
    this.#proof = derived(key, 'millrace kinesis proof')
    this.#cipher = derived(key, 'millrace kinesis cipher')
  }

  /** Returns 16 bytes more than the content has. */
  close(purpose: SealPurpose, content: Uint8Array): Buffer {
    const vector = this.#vectorOf(purpose, content)
    return Buffer.concat([vector, this.#apply(vector, content)])
  }

  /** Returns the content; undefined for what this key did not seal for this purpose. */
  open(purpose: SealPurpose, sealed: Uint8Array): Buffer | undefined {
    if (sealed.length < SEAL_BYTES) return undefined
    const vector = sealed.subarray(0, SEAL_BYTES)
    const content = this.#apply(vector, sealed.subarray(SEAL_BYTES))
    return timingSafeEqual(this.#vectorOf(purpose, content), vector) ? content : undefined
  }

  #vectorOf(purpose: SealPurpose, content: Uint8Array): Buffer {
    const proof = createHmac('sha256', this.#proof).update(`${purpose}\0`).update(content)
    return proof.digest().subarray(0, SEAL_BYTES)
  }

  /** Counter mode is its own inverse. */
  #apply(vector: Uint8Array, content: Uint8Array): Buffer {
    return createCipheriv('aes-256-ctr', this.#cipher, vector).update(content)
  }
}

/**
 * The seal of all endpoints of a broker, now and after restarts: its key is a document that the first of them makes.
 * @param own the endpoint's own client
 */
export async function openSeal(own: Client): Promise<Seal> {
  const keys = own.documents<{ readonly key: string }>('kinesis-keys')
  const found = await keys.get('seal')
  // Of two endpoints that begin at once, both take the key of the first.
  const { key } =
    found?.value ??
    (await keys.update('seal', (made) => made ?? { key: randomBytes(KEY_BYTES).toString('base64') })).value
  return new Seal(Buffer.from(key, 'base64'))
}

function derived(key: Uint8Array, use: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', use, KEY_BYTES))
}
