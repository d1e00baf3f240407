// A store as one lease of a shard uses it: before its first write into a directory, what earlier leases of the shard have left there half
// written is removed. Runs in the app. The records of such a file are not delivered, so whoever has the shard next reads them again, and
// writes them into the same directory: it comes by wherever something may be left, however long ago, and looks nowhere else.
import { dirname } from 'node:path/posix'
import type { ObjectStore } from '../destinations/object-store.ts'
import { writerOf, type NamedShard } from '../naming/object-key.ts'

/** Directories that a lease remembers; those beyond are looked at again. */
const SWEPT_MAX = 10_000

/** Returns the store for a lease of the shard that begins now. */
export function sweptStore(store: ObjectStore, shard: NamedShard): ObjectStore {
  if (store.sweep === undefined) return store
  const writer = writerOf(shard)
  const swept = new Map<string, Promise<void>>()
  const sweep = (key: string, signal: AbortSignal): Promise<void> => {
    const directory = dirname(key)
    let sweeping = swept.get(directory)
    if (sweeping === undefined) {
      if (swept.size >= SWEPT_MAX) swept.clear()
      // What is left does no harm, so nothing waits for it to go.
      sweeping = store.sweep!(key, writer, signal).catch(() => {})
      swept.set(directory, sweeping)
    }
    return sweeping
  }
  return {
    writesMax: store.writesMax,
    write: async (key, content, signal, steps) => {
      await sweep(key, signal)
      await store.write(key, content, signal, { ...steps, writer })
    },
    remove: async (key, signal) => {
      await sweep(key, signal)
      await store.remove(key, signal)
    },
    list: (prefix, signal) => store.list(prefix, signal),
    read: (key, signal) => store.read(key, signal),
    close: () => store.close(),
  }
}
