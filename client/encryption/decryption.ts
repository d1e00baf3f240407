// Opens the batches of one stream for one reader. Runs in the client. That a key is erased is for the reader's `onUnreadable`; that
// the provider is down is not: a reader that skipped records for that would lose them.
import type { KeyObject } from 'node:crypto'
import { checkBatchHeader, isEncryptedAt } from '../../protocol/batch/batch.ts'
import { keyIdOf, openBatch } from '../../protocol/batch/encryption.ts'
import { openWithoutKeys, type BatchOpener } from '../../protocol/batch/record.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'

export interface DecryptionOptions {
  readonly stream: string
  readonly refusesPlaintext: boolean
  /** Undefined where the client has no keys. */
  readonly keys:
    | {
        /** The key of an id, null if there is none, undefined if it has to be asked for. */
        known(id: string): KeyObject | null | undefined
        ask(id: string, signal: AbortSignal): Promise<KeyObject | null>
      }
    | undefined
}

export class Decryption {
  readonly #options: DecryptionOptions

  constructor(options: DecryptionOptions) {
    this.#options = options
  }

  /**
   * Returns what opens the batch; it throws `keyUnavailable`, `decryptionFailed` or `notEncrypted` where it cannot. It comes at once
   * where the batch's key is known, else as a promise, which rejects with `keyProviderFailed`, or with `aborted` by the signal.
   */
  openerOf(batch: Uint8Array, signal: AbortSignal): BatchOpener | Promise<BatchOpener> {
    const { keys, refusesPlaintext } = this.#options
    // Who has no keys pays nothing for those who have.
    if (keys === undefined && !refusesPlaintext) return openWithoutKeys
    // Whoever reads a damaged batch finds the damage before anything is opened.
    if (checkBatchHeader(batch) !== undefined) return openWithoutKeys
    if (!isEncryptedAt(batch, 0)) return refusesPlaintext ? refusePlaintext : openWithoutKeys
    if (keys === undefined) return openWithoutKeys
    const id = keyIdOf(batch)
    const known = keys.known(id)
    if (known !== undefined) return this.#openerWith(known, id)
    return keys.ask(id, signal).then((secret) => this.#openerWith(secret, id))
  }

  #openerWith(secret: KeyObject | null, id: string): BatchOpener {
    const { stream } = this.#options
    if (secret !== null) return (batch) => openBatch(batch, secret, stream)
    const message = `The records are encrypted with key ${id}, which the key provider does not have: it was erased, or this provider never had it.`
    return () => {
      throw new MillraceError('keyUnavailable', message)
    }
  }
}

function refusePlaintext(): never {
  const message =
    "The records are not encrypted, and encryption.plaintext is 'refuse'. Anyone who may write to the stream can have written them."
  throw new MillraceError('notEncrypted', message)
}
