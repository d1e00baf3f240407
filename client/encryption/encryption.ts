// Encryption as one client does it: which streams it is for, and the keys that all its producers and readers share. Runs in the client.
// It belongs to the connection, so that no producer can be made that forgets it: `put`, producers, sinks and dead letters alike.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { KeyCache } from './key-cache.ts'
import { encryptionOptions, type EncryptionOptions } from './options.ts'

export class Encryption {
  readonly keys: KeyCache
  readonly #options: EncryptionOptions

  constructor(
    options: EncryptionOptions,
    settings: { readonly monotonic: () => number; readonly requestTimeoutMs: number },
  ) {
    // The table of options cannot say that one of them must be there.
    if (options.keys === undefined) {
      throw new MillraceError('invalidArgument', 'encryption.keys is missing: give it a key provider.')
    }
    this.#options = options
    this.keys = new KeyCache({
      provider: options.keys,
      lifetimeMs: options.keyLifetimeMs ?? encryptionOptions.keyLifetimeMs.default,
      answerMsMax: settings.requestTimeoutMs,
      monotonic: settings.monotonic,
    })
  }

  /** Whether records of the stream are encrypted. */
  isFor(stream: string): boolean {
    const { streams } = this.#options
    if (streams === undefined) return true
    return streams.some((name) =>
      name.endsWith('*') ? stream.startsWith(name.slice(0, -1)) : stream === name,
    )
  }

  /** Whether records of the stream that are not encrypted are refused. */
  refusesPlaintext(stream: string): boolean {
    return this.#options.plaintext === 'refuse' && this.isFor(stream)
  }
}
