// The documents of one kind, kept in memory. Runs in the endpoint. A watch keeps them up to date, so what another endpoint
// changes is known here soon; what this one changes is known at once. A change is a compare-and-set at the broker, so of two
// changes at the same moment neither is lost.
import type { Client, DocumentCodec, Documents, NamedDocument } from 'millrace'
import { setTimeout as pause } from 'node:timers/promises'

/** What a set of documents needs. */
export interface KeptDocumentsParts {
  readonly own: Pick<Client, 'documents'>
  readonly kind: string
  /** Told when the watch fails and begins again. */
  readonly onLost: (error: unknown) => void
}

interface Entry<T> {
  readonly version: number
  readonly value: T
}

/** How long a watch that failed waits before it begins again. */
const WATCH_AGAIN_MS = 1000

/** JSON that leaves out what is undefined. */
const plainJson = <T>(): DocumentCodec<T> => ({
  name: 'json',
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T,
})

export class KeptDocuments<T> {
  readonly #documents: Documents<T>
  readonly #onLost: (error: unknown) => void
  readonly #entries = new Map<string, Entry<T>>()
  /** Names of documents that were put here, and that the watch has not told yet. */
  readonly #untold = new Set<string>()
  readonly #listeners = new Set<(name: string, value: T | undefined) => void>()
  readonly #closing = new AbortController()
  #watching: Promise<void> = Promise.resolve()

  private constructor({ own, kind, onLost }: KeptDocumentsParts) {
    this.#documents = own.documents<T>(kind, { codec: plainJson<T>() })
    this.#onLost = onLost
  }

  /** Reads all documents of the kind, and follows them until `close`. */
  static async open<T>(parts: KeptDocumentsParts): Promise<KeptDocuments<T>> {
    const kept = new KeptDocuments<T>(parts)
    for await (const document of kept.#documents.list()) kept.#take(document)
    kept.#watching = kept.#watch()
    return kept
  }

  /** The document as this process knows it. */
  get(name: string): T | undefined {
    return this.#entries.get(name)?.value
  }

  /** All documents as this process knows them. */
  entries(): IterableIterator<[string, Entry<T>]> {
    return this.#entries.entries()
  }

  /** Calls the listener after every change of what this process knows. */
  onChange(listener: (name: string, value: T | undefined) => void): void {
    this.#listeners.add(listener)
  }

  /** The document as the broker has it now. */
  async read(name: string, signal?: AbortSignal): Promise<Entry<T> | undefined> {
    const known = this.#entries.get(name)
    const document = await this.#documents.get(name, signal === undefined ? {} : { signal })
    if (document !== undefined) this.#take(document)
    // What was put here meanwhile is newer than the answer.
    else if (this.#entries.get(name) === known) this.#forget(name)
    return document
  }

  /**
   * Changes the document, or makes it where there is none; resolves with the result. `change` may be called several times,
   * and may throw to leave everything as it is.
   */
  async update(name: string, change: (value: T | undefined) => T): Promise<T> {
    const { version, value } = await this.#documents.update(name, change)
    this.#untold.add(name)
    this.#take({ name, version, value })
    return value
  }

  /** Deletes the document if it has this version; resolves with whether it did. */
  async delete(name: string, expectedVersion: number): Promise<boolean> {
    const isDeleted = await this.#documents.delete(name, { expectedVersion })
    if (this.#entries.get(name)?.version === expectedVersion) this.#forget(name)
    return isDeleted
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#watching
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        for await (const change of this.#documents.watch({ signal })) {
          if (change.type === 'put') {
            this.#untold.delete(change.name)
            this.#take(change)
          } else {
            await this.#gone(change.name)
          }
        }
        // The client was closed.
        return
      } catch (error) {
        if (signal.aborted) return
        this.#onLost(error)
        await pause(WATCH_AGAIN_MS, undefined, { signal, ref: false }).catch(() => {})
      }
    }
  }

  /** The watch says that there is no such document. A newer one that was put here may follow. */
  async #gone(name: string): Promise<void> {
    if (this.#untold.has(name)) await this.read(name, this.#closing.signal)
    else this.#forget(name)
  }

  #take({ name, version, value }: Pick<NamedDocument<T>, 'name' | 'version' | 'value'>): void {
    const known = this.#entries.get(name)
    if (known !== undefined && known.version >= version) return
    this.#entries.set(name, { version, value })
    for (const listener of this.#listeners) listener(name, value)
  }

  #forget(name: string): void {
    this.#untold.delete(name)
    if (!this.#entries.delete(name)) return
    for (const listener of this.#listeners) listener(name, undefined)
  }
}
