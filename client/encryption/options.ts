// What an application says about encryption: where its keys come from, and which streams they are for. Runs in the client; types and
// their checks only.
import type { KeyObject } from 'node:crypto'
import { callback, choice, takes, whole, type OptionsOf } from '../options/option.ts'

/** A key for AES-256, with the id by which it is found again. */
export interface Key {
  /** 1 to 128 visible ASCII characters. It stands readable in every batch. An id means one key for ever. */
  readonly id: string
  /** 32 random bytes, or a secret `KeyObject` of them. They are copied. */
  readonly bytes: Uint8Array | KeyObject
}

/**
 * Where keys come from: files, a vault, a key management service. The client asks seldom, keeps the answers for `keyLifetimeMs`,
 * and asks once for what many wait for. What a method throws counts as an outage, not as the absence of a key.
 */
export interface KeyProvider {
  /** Returns the key that new batches of the stream are encrypted with. Another answer than before is a rotation. */
  current(stream: string): Key | Promise<Key>
  /** Returns the key of an id that stands in a batch of the stream; undefined if there is none, or none any more. */
  key(id: string, stream: string): Key | undefined | Promise<Key | undefined>
}

/** How a client encrypts the records that it appends, and decrypts those that it reads. */
export interface EncryptionOptions {
  /** Where keys come from. */
  readonly keys: KeyProvider
  /**
   * Streams whose records are encrypted: names, or beginnings of names with `*` at their end, as `'orders-*'`. All streams by default.
   * Records of other streams are appended as they are. What is read is decrypted wherever it is encrypted.
   */
  readonly streams?: readonly string[]
  /**
   * What a reader of those streams does about records that are not encrypted. 'accept', the default, reads them, as a stream has
   * them that was not encrypted from its beginning. 'refuse' treats them as unreadable, with `notEncrypted`: then nobody without a
   * key can put in records of his own.
   */
  readonly plaintext?: 'accept' | 'refuse'
  /**
   * For how long an answer of the provider is used: 5 minutes by default. New keys are taken up in half of it; a key that was
   * erased may be used for so long. While the provider fails, writers go on with the key that they have until its time is over.
   */
  readonly keyLifetimeMs?: number
}

const MINUTE_MS = 60_000

/** The options with their kinds, bounds and defaults. */
export const encryptionOptions = {
  keys: {
    ...takes(
      'a key provider, such as fileKeys(directory): an object with the methods current and key',
      (given) =>
        typeof given === 'object' &&
        given !== null &&
        ['current', 'key'].every((name) =>
          callback.accepts((given as Readonly<Record<string, unknown>>)[name]),
        ),
    ),
    isSecret: true,
  },
  streams: takes(
    "an array of names of streams, or of beginnings of names with * at their end, as 'orders-*'; at least one",
    (given) =>
      Array.isArray(given) &&
      given.length > 0 &&
      given.every((name) => typeof name === 'string' && /^[a-zA-Z0-9_.-]*\*?$/.test(name) && name !== ''),
  ),
  plaintext: choice(['accept', 'refuse']),
  keyLifetimeMs: whole({ min: 1000, max: 24 * 60 * MINUTE_MS, default: 5 * MINUTE_MS }),
} satisfies OptionsOf<EncryptionOptions>
