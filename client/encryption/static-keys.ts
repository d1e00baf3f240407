// Keys that the program has at hand. Runs in the client.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Key, KeyProvider } from './options.ts'

/** Keys by their ids, and which of them encrypts. */
export interface StaticKeys {
  /** Id of the key that new batches are encrypted with. */
  readonly current: string
  /** 32 bytes for each id; keys that only decrypt too. */
  readonly keys: Readonly<Record<string, Key['bytes']>>
}

/** Makes a provider of keys that the program has at hand, such as from its own configuration, for all streams alike. */
export function staticKeys({ current, keys }: StaticKeys): KeyProvider {
  const known = new Map(Object.entries(keys).map(([id, bytes]) => [id, { id, bytes }]))
  const currentKey = known.get(current)
  if (currentKey === undefined) {
    const message = `staticKeys: there is no key ${JSON.stringify(current)} to encrypt with among the keys given.`
    throw new MillraceError('invalidArgument', message)
  }
  return { current: () => currentKey, key: (id) => known.get(id) }
}
