// The answers of a key provider, kept for a bounded time. Runs in the client. Many may ask for one key at once: the provider is asked
// once. What it throws, and no answer in time, is an outage, `keyProviderFailed`; that there is no key is an answer.
import { createSecretKey, KeyObject } from 'node:crypto'
import type { BatchKey } from '../../protocol/batch/encryption.ts'
import { checkKeyId } from '../../protocol/batch/envelope.ts'
import { isBytes } from '../../protocol/bytes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { endSentence, errorFrom } from '../errors.ts'
import { shown } from '../options/option.ts'
import type { Key, KeyProvider } from './options.ts'

const KEY_BYTES = 32
/** Keys that are kept by their ids. Whoever may write can make up ids, so their number is bounded. */
const KEYS_KEPT = 1024
/** For how long it is believed that there is no key of an id, at most: it may have been made just now. */
const ABSENCE_MS = 5000

interface Kept<T> {
  readonly value: T
  readonly at: number
}

export interface KeyCacheOptions {
  readonly provider: KeyProvider
  readonly lifetimeMs: number
  /** How long the provider may take for one answer. */
  readonly answerMsMax: number
  readonly monotonic: () => number
}

export class KeyCache {
  readonly #options: KeyCacheOptions
  readonly #current = new Map<string, Kept<BatchKey>>()
  /** By stream and id; null where there is no key. */
  readonly #byId = new Map<string, Kept<KeyObject | null>>()
  readonly #asked = new Map<string, Promise<unknown>>()

  constructor(options: KeyCacheOptions) {
    this.#options = options
  }

  /** The key to encrypt with, unless it is unknown or too old; and whether the provider is to be asked for it now. */
  current(stream: string): { readonly key: BatchKey | undefined; readonly isDue: boolean } {
    const kept = this.#current.get(stream)
    if (kept === undefined) return { key: undefined, isDue: true }
    const ageMs = this.#options.monotonic() - kept.at
    const { lifetimeMs } = this.#options
    return { key: ageMs < lifetimeMs ? kept.value : undefined, isDue: ageMs >= lifetimeMs / 2 }
  }

  /**
   * Asks for the key to encrypt with. Rejects with `keyProviderFailed`; with `keyUnavailable` if the provider has none; with
   * `invalidArgument` if what it gives is no key.
   */
  askCurrent(stream: string): Promise<BatchKey> {
    const { provider } = this.#options
    return this.#once(`current ${stream}`, async () => {
      const what = `current(${JSON.stringify(stream)})`
      const given: unknown = await this.#answer(what, () => provider.current(stream))
      if (given === undefined) {
        const message = `The key provider has no key to encrypt ${JSON.stringify(stream)} with: ${what} is undefined. Make one.`
        throw new MillraceError('keyUnavailable', message)
      }
      const key = batchKeyOf(given, what)
      keep(this.#current, stream, { value: key, at: this.#options.monotonic() })
      keep(this.#byId, `${stream} ${key.id}`, { value: key.secret, at: this.#options.monotonic() })
      return key
    })
  }

  /** The key of an id, null if there is none, undefined if the provider is to be asked. */
  known(id: string, stream: string): KeyObject | null | undefined {
    const { lifetimeMs, monotonic } = this.#options
    const kept = this.#byId.get(`${stream} ${id}`)
    if (kept === undefined) return undefined
    const keptMs = kept.value === null ? Math.min(ABSENCE_MS, lifetimeMs) : lifetimeMs
    return monotonic() - kept.at < keptMs ? kept.value : undefined
  }

  /** Asks for the key of an id; null if there is none. Rejects with `keyProviderFailed` and `invalidArgument`. */
  ask(id: string, stream: string): Promise<KeyObject | null> {
    const { provider } = this.#options
    return this.#once(`key ${stream} ${id}`, async () => {
      const what = `key(${JSON.stringify(id)}, ${JSON.stringify(stream)})`
      const given: unknown = await this.#answer(what, () => provider.key(id, stream))
      const secret = given === undefined ? null : batchKeyOf(given, what, id).secret
      keep(this.#byId, `${stream} ${id}`, { value: secret, at: this.#options.monotonic() })
      return secret
    })
  }

  #once<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const asked = this.#asked.get(what) as Promise<T> | undefined
    if (asked !== undefined) return asked
    const asking = ask().finally(() => this.#asked.delete(what))
    this.#asked.set(what, asking)
    return asking
  }

  async #answer<T>(what: string, ask: () => T | Promise<T>): Promise<T> {
    const { answerMsMax } = this.#options
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${answerMsMax} ms`)), answerMsMax)
    })
    try {
      return await Promise.race([(async () => ask())(), late])
    } catch (thrown) {
      if (MillraceError.is(thrown, 'keyUnavailable')) throw thrown
      const why = endSentence(errorFrom(thrown).message)
      throw new MillraceError('keyProviderFailed', `The key provider failed at ${what}: ${why}`, {
        cause: thrown,
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

function keep<T>(kept: Map<string, Kept<T>>, name: string, value: Kept<T>): void {
  kept.delete(name)
  kept.set(name, value)
  if (kept.size <= KEYS_KEPT) return
  for (const oldest of kept.keys()) {
    kept.delete(oldest)
    return
  }
}

/** Throws `invalidArgument` unless the provider gave a key, and the one that it was asked for. */
function batchKeyOf(given: unknown, what: string, wanted?: string): BatchKey {
  const fault = (sentence: string) =>
    new MillraceError('invalidArgument', `The key provider's ${what} gave no key: ${sentence}`)
  if (typeof given !== 'object' || given === null) {
    throw fault(`it is ${kindOf(given)}; it must be an object with id and bytes.`)
  }
  const { id, bytes } = given as Partial<Key>
  if (typeof id !== 'string') throw fault(`its id is ${kindOf(id)}; it must be a string.`)
  const idFault = checkKeyId(id)
  if (idFault !== undefined) throw fault(idFault)
  if (wanted !== undefined && id !== wanted) throw fault(`it has the id ${id}.`)
  return { id, secret: secretOf(bytes, fault) }
}

/** Not quoted: a text may be the key itself, in hexadecimal digits or base64. */
function kindOf(given: unknown): string {
  return typeof given === 'string' ? 'a text' : shown(given)
}

function secretOf(bytes: unknown, fault: (sentence: string) => Error): KeyObject {
  const asObject = bytes instanceof KeyObject
  if (!asObject && !isBytes(bytes)) {
    throw fault(`its bytes are ${kindOf(bytes)}; they must be a Uint8Array or a secret KeyObject.`)
  }
  if (asObject && bytes.type !== 'secret') throw fault(`its bytes are a ${bytes.type} KeyObject.`)
  const length = asObject ? bytes.symmetricKeySize : bytes.length
  if (length !== KEY_BYTES) throw fault(`it has ${length} bytes; it must have ${KEY_BYTES}.`)
  return asObject ? bytes : createSecretKey(bytes)
}
