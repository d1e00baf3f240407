// Flushes of directories, for many writers: one at a time of each, and who comes while one is under way shares the next with all others
// that do. Runs in the app.
import { open } from 'node:fs/promises'

export class DirectoryFlushes {
  readonly #flush: (path: string) => Promise<void>
  readonly #running = new Map<string, { readonly now: Promise<void>; next: Promise<void> | undefined }>()

  constructor(flush = flushDirectory) {
    this.#flush = flush
  }

  /** Fulfils when what the directory held at the call is durable. */
  flush(path: string): Promise<void> {
    const running = this.#running.get(path)
    if (running === undefined) return this.#begin(path)
    // The one under way may have begun before the caller's change.
    running.next ??= running.now.then(
      () => this.#begin(path),
      () => this.#begin(path),
    )
    return running.next
  }

  #begin(path: string): Promise<void> {
    const now = this.#flush(path).finally(() => {
      const running = this.#running.get(path)
      if (running?.now === now && running.next === undefined) this.#running.delete(path)
    })
    this.#running.set(path, { now, next: undefined })
    return now
  }
}

/** Fulfils when the names of a directory are durable. */
export async function flushDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
