// Encrypts the batches of one producer when they are sent for the first time. Runs in the client. Without a key that is known and not
// too old, nothing is encrypted and nothing is sent: the lanes that have something wait until the provider gives one. The key is
// asked for when half of its time is over, so that a provider that fails for a while holds nobody up.
import { encryptBatch, type BatchKey } from '../../protocol/batch/encryption.ts'
import { NONCE_BYTES } from '../../protocol/batch/envelope.ts'
import { invariant } from '../../protocol/invariant.ts'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import { asMillraceError } from '../errors.ts'
import type { Lane } from '../producer/lanes/lane.ts'
import { backoffMs } from '../retry.ts'
import type { Settings } from '../settings.ts'
import type { KeyCache } from './key-cache.ts'

export interface EncryptionEvents {
  /** There is a key again: the lane may send. */
  onKey(lane: Lane): void
  /** The provider gave no key, and is asked again. */
  onNoKey(lane: Lane, error: MillraceError): void
}

export interface BatchEncryptionOptions {
  readonly stream: string
  readonly keys: KeyCache
  readonly settings: Settings
  readonly events: EncryptionEvents
}

export class BatchEncryption {
  readonly #options: BatchEncryptionOptions
  readonly #waiting = new Set<Lane>()
  #key: BatchKey | undefined
  #isAsking = false
  #isClosed = false
  #failures = 0
  #pause: NodeJS.Timeout | undefined

  constructor(options: BatchEncryptionOptions) {
    this.#options = options
  }

  /** Whether a batch can be encrypted now. If not, `onKey` is called with the lane once one can. */
  isReadyFor(lane: Lane): boolean {
    const { keys, stream } = this.#options
    const { key, isDue } = keys.current(stream)
    this.#key = key
    if (key === undefined) this.#waiting.add(lane)
    if (isDue) this.#ask()
    return key !== undefined
  }

  /** Whether the lane waits for a key. */
  holds(lane: Lane): boolean {
    return this.#waiting.has(lane)
  }

  forget(lane: Lane): void {
    this.#waiting.delete(lane)
  }

  /** Returns the batch encrypted, in memory from `take`. Asked right after `isReadyFor` has said true. */
  encrypt(batch: Uint8Array, take: (bytes: number) => Uint8Array): Uint8Array {
    const { stream, settings } = this.#options
    const key = this.#key
    invariant(key !== undefined, 'no batch is sent without a key')
    const nonce = settings.randomBytes(NONCE_BYTES)
    return encryptBatch(batch, { key, stream, nonce, random: settings.random, take })
  }

  close(): void {
    this.#isClosed = true
    this.#waiting.clear()
    clearTimeout(this.#pause)
  }

  #ask(): void {
    if (this.#isAsking || this.#isClosed || this.#pause !== undefined) return
    this.#isAsking = true
    const { keys, stream } = this.#options
    keys.askCurrent(stream).then(
      () => this.#given(),
      (error: unknown) => this.#failed(asMillraceError(error)),
    )
  }

  #given(): void {
    this.#isAsking = false
    this.#failures = 0
    if (this.#isClosed) return
    const lanes = [...this.#waiting]
    this.#waiting.clear()
    for (const lane of lanes) this.#options.events.onKey(lane)
  }

  #failed(error: MillraceError): void {
    this.#isAsking = false
    if (this.#isClosed) return
    const { settings, stream, events } = this.#options
    const delayMs = backoffMs(settings.retry, this.#failures++, settings.random)
    settings.log({ level: 'warn', message: 'there is no new key to encrypt with', stream, delayMs, error })
    for (const lane of this.#waiting) events.onNoKey(lane, error)
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      if (this.#waiting.size > 0) this.#ask()
    }, delayMs)
  }
}
