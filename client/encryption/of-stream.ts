// The encryption of one stream, for its producers and its readers. Runs in the client.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { insist } from '../retry.ts'
import type { Settings } from '../settings.ts'
import { onAbort, unlessAborted } from '../waiting.ts'
import { BatchEncryption, type EncryptionEvents } from './batch-encryption.ts'
import { Decryption } from './decryption.ts'

/**
 * Makes sure, before records are taken, that there is a key for the stream if it is encrypted. Rejects with `keyUnavailable` or
 * `invalidArgument`; with `keyProviderFailed` when the provider has failed for as long as a request may take;
 * with the reason of `closing` when the client closes meanwhile.
 */
export async function ensureKey(
  stream: string,
  settings: Settings,
  { signal, closing }: { signal: AbortSignal | undefined; closing: AbortSignal },
): Promise<void> {
  const { encryption } = settings
  if (encryption?.isFor(stream) !== true || encryption.keys.current(stream).key !== undefined) return
  const ending = new AbortController()
  const stops = [signal, closing].map((one) => one && onAbort(one, () => ending.abort(one.reason)))
  try {
    await askPatiently(() => encryption.keys.askCurrent(stream), settings, ending.signal)
  } catch (error) {
    throw closing.aborted ? closing.reason : error
  } finally {
    for (const stop of stops) stop?.()
  }
}

/** What encrypts the batches of one producer; undefined where they go as they are. */
export function encryptionOf(
  stream: string,
  settings: Settings,
  events: EncryptionEvents,
): BatchEncryption | undefined {
  const { encryption } = settings
  if (encryption?.isFor(stream) !== true) return undefined
  return new BatchEncryption({ stream, keys: encryption.keys, settings, events })
}

/** What decrypts the batches of one reader. */
export function decryptionOf(stream: string, settings: Settings): Decryption {
  const { encryption } = settings
  if (encryption === undefined) return new Decryption({ stream, refusesPlaintext: false, keys: undefined })
  const { keys } = encryption
  return new Decryption({
    stream,
    refusesPlaintext: encryption.refusesPlaintext(stream),
    keys: {
      known: (id) => keys.known(id, stream),
      ask: (id, signal) => askPatiently(() => keys.ask(id, stream), settings, signal),
    },
  })
}

/** Asks again while the provider fails, for as long as a request may take. */
function askPatiently<T>(
  ask: () => Promise<T>,
  settings: Settings,
  signal: AbortSignal = new AbortController().signal,
): Promise<T> {
  const { monotonic, requestTimeoutMs, log } = settings
  const since = monotonic()
  const told = async () => {
    try {
      return await unlessAborted(ask(), signal)
    } catch (thrown) {
      if (MillraceError.is(thrown, 'keyProviderFailed')) {
        log({ level: 'warn', message: 'the key provider failed', error: thrown })
      }
      throw thrown
    }
  }
  return insist(told, { settings, signal, isHopeless: () => monotonic() - since >= requestTimeoutMs })
}
