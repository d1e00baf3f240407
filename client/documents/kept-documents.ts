// The documents of one kind, kept in memory. Runs in the client. A watch keeps them up to date, so what others change is known
// here soon; what is changed through here is known at once. A change is a compare-and-set at the broker, so of two changes at
// the same moment neither is lost.
import type { StoredDocument } from '../../protocol/operations.ts'
import type { Codec } from '../codecs.ts'
import { asMillraceError, closedError } from '../errors.ts'
import { clientLimits, type CallOptions, type Settings } from '../settings.ts'
import { sleep } from '../waiting.ts'
import type { Documents, NamedDocument } from './documents.ts'
import type { Told } from './follow.ts'
import { documentOf } from './watch.ts'

/** Options of documents that are kept in memory. */
export interface KeepOptions extends CallOptions {
  /**
   * Called when the watch has failed, which begins again by itself while what is kept grows old, and for a document that the
   * codec does not take, which counts as not there.
   */
  readonly onLost?: (error: Error) => void
}

/** A document in memory. */
export interface KeptDocument<T> {
  /** As of `NamedDocument`. */
  readonly version: number
  /** Its content, decoded. Shared with every other caller. */
  readonly value: T
}

/** The parts of the client that kept documents use. */
export interface KeptDocumentsParts<T> {
  readonly documents: Documents<T>
  readonly codec: Codec<T>
  readonly settings: Pick<Settings, 'log'>
  /** Reads all documents once. */
  readonly list: (signal: AbortSignal | undefined) => AsyncIterable<StoredDocument>
  /** Tells what differs from the versions that are known, and then every change, until the signal fires. */
  readonly follow: (known: Map<string, number>, signal: AbortSignal) => AsyncIterable<Told>
  /** Called with what is kept, which the client closes. Returns a function that forgets it. */
  readonly onOpened: (kept: KeptDocuments<T>) => () => void
}

/** The documents of one kind, as a watch keeps them. Made by `documents.keep`. */
export class KeptDocuments<T> {
  readonly #parts: KeptDocumentsParts<T>
  readonly #onLost: KeepOptions['onLost']
  readonly #entries = new Map<string, KeptDocument<T>>()
  /** Versions of documents that the codec did not take. */
  readonly #unreadable = new Map<string, number>()
  /** Names of documents that were put here, and that the watch has not told yet. */
  readonly #untold = new Set<string>()
  /** Versions that the watch has told, or 0; of a name that is not here the watch would not tell that it is gone. */
  #known = new Map<string, number>()
  /** Documents that the broker is asked about now, and whether the watch has told meanwhile that they are gone. */
  readonly #asked = new Set<{ readonly name: string; isGone: boolean }>()
  readonly #listeners = new Set<(name: string, value: T | undefined) => void>()
  readonly #closing = new AbortController()
  readonly #forgetThis: () => void
  #watching: Promise<void> = Promise.resolve()

  private constructor(parts: KeptDocumentsParts<T>, { onLost }: KeepOptions) {
    this.#parts = parts
    this.#onLost = onLost
    this.#forgetThis = parts.onOpened(this)
  }

  /** Reads all documents of the kind, and follows them until they or the client are closed. */
  static async open<T>(parts: KeptDocumentsParts<T>, options: KeepOptions): Promise<KeptDocuments<T>> {
    const kept = new KeptDocuments(parts, options)
    try {
      for await (const document of parts.list(options.signal)) kept.#takeStored(document)
      if (kept.#closing.signal.aborted) throw closedError('The client')
    } catch (error) {
      await kept.close()
      throw error
    }
    kept.#watching = kept.#watch()
    return kept
  }

  /** The document's value as this process knows it; undefined if there is none. */
  get(name: string): T | undefined {
    return this.#entries.get(name)?.value
  }

  /** All documents by name, as this process knows them. */
  entries(): IterableIterator<[string, KeptDocument<T>]> {
    return this.#entries.entries()
  }

  /**
   * Calls the listener after every change of what this process knows, with undefined for a document that is gone. It must not
   * throw. Returns a function that ends the calls.
   */
  onChange(listener: (name: string, value: T | undefined) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The document as the broker has it now. Rejects as `documents.get`. */
  async read(name: string, options: CallOptions = {}): Promise<KeptDocument<T> | undefined> {
    const known = this.#entries.get(name)
    return this.#ask(
      name,
      () => this.#parts.documents.get(name, options),
      (document, isGone) => {
        if (document === undefined) {
          // What was put here meanwhile is newer than the answer.
          if (this.#entries.get(name) === known) this.#forget(name)
        } else if (!isGone) {
          this.#takeUntold(document)
        }
      },
    )
  }

  /**
   * Changes the document, or makes it where there is none; fulfils with the result when it is on the disk. `change` may be
   * called several times, and may throw to leave everything as it is. Rejects as `documents.update`.
   */
  async update(
    name: string,
    change: (value: T | undefined) => T | Promise<T>,
    options: CallOptions = {},
  ): Promise<T> {
    let isToBeRead = false
    const { value } = await this.#ask(
      name,
      () => this.#parts.documents.update(name, change, options),
      (changed, isGone) => {
        isToBeRead = isGone
        if (isGone) return
        if ((this.#known.get(name) ?? 0) < changed.version) this.#untold.add(name)
        this.#takeUntold({ name, ...changed })
      },
    )
    // Either what was there before was deleted, or what was put here. If the broker does not say which, the watch will.
    if (isToBeRead) await this.read(name, options).catch(() => {})
    return value
  }

  /** Deletes the document if it has this version; fulfils with whether it did. Rejects as `documents.delete`. */
  async delete(name: string, expectedVersion: number, options: CallOptions = {}): Promise<boolean> {
    const isDeleted = await this.#parts.documents.delete(name, { ...options, expectedVersion })
    if (this.#entries.get(name)?.version === expectedVersion) this.#forget(name)
    return isDeleted
  }

  /** Ends the watch. What is known stays readable, and grows old. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#forgetThis()
    await this.#watching
  }

  /** Ends the watch, for a client that is in a hurry. */
  abort(): void {
    this.#closing.abort()
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        // With what is known, a new watch also tells what was deleted while there was none.
        this.#known = new Map(this.#unreadable)
        for (const [name, { version }] of this.#entries) this.#known.set(name, version)
        for (const { name } of this.#asked) this.#expect(name)
        for await (const told of this.#parts.follow(this.#known, signal)) {
          if ('deleted' in told) {
            await this.#gone(told.deleted)
          } else {
            this.#untold.delete(told.name)
            this.#takeStored(told)
          }
        }
      } catch (error) {
        if (signal.aborted) return
        this.#lost(
          `The watch of documents of the kind ${this.#parts.documents.kind} failed, and begins again.`,
          error,
        )
        await sleep(clientLimits.keepAgainMs, signal).catch(() => {})
      }
    }
  }

  #lost(message: string, cause: unknown): void {
    const error = asMillraceError(cause)
    this.#parts.settings.log({ level: 'warn', message, error })
    this.#onLost?.(error)
  }

  /** The watch says that there is no such document. A newer one that was put here may follow. */
  async #gone(name: string): Promise<void> {
    for (const asked of this.#asked) if (asked.name === name) asked.isGone = true
    if (this.#untold.has(name)) await this.read(name, { signal: this.#closing.signal })
    else this.#forget(name)
  }

  /** One document that cannot be read must not hide the others: it is told, and counts as not there. */
  #takeStored(stored: StoredDocument): void {
    let document: NamedDocument<T>
    try {
      document = documentOf(stored, this.#parts.codec)
    } catch (error) {
      this.#forget(stored.name)
      this.#unreadable.set(stored.name, stored.version)
      this.#lost(
        `A document of the kind ${this.#parts.documents.kind} cannot be read, and is left out.`,
        error,
      )
      return
    }
    this.#take(document)
  }

  /**
   * Asks the broker about a document, and settles with the answer. It may come after the watch has told that the document is gone, and
   * then be older than that: what is newer the watch tells itself.
   */
  async #ask<A>(
    name: string,
    ask: () => Promise<A>,
    settle: (answer: A, isGone: boolean) => void,
  ): Promise<A> {
    const asked = { name, isGone: false }
    this.#asked.add(asked)
    this.#expect(name)
    try {
      const answer = await ask()
      settle(answer, asked.isGone)
      return answer
    } finally {
      this.#asked.delete(asked)
      // Names of which there is nothing are not kept: they may be any.
      const isAsked = [...this.#asked].some((other) => other.name === name)
      if (!isAsked && !this.#entries.has(name) && this.#known.get(name) === 0) this.#known.delete(name)
    }
  }

  /** Has the watch tell when the document is gone, also if it has not told that it is there. */
  #expect(name: string): void {
    if (!this.#known.has(name)) this.#known.set(name, 0)
  }

  /** Takes what came by another way than the watch, which tells of it later, or that it is gone. */
  #takeUntold(document: Pick<NamedDocument<T>, 'name' | 'version' | 'value'>): void {
    this.#expect(document.name)
    this.#take(document)
  }

  #take({ name, version, value }: Pick<NamedDocument<T>, 'name' | 'version' | 'value'>): void {
    const known = this.#entries.get(name)
    if (known !== undefined && known.version >= version) return
    this.#unreadable.delete(name)
    this.#entries.set(name, { version, value })
    for (const listener of this.#listeners) listener(name, value)
  }

  #forget(name: string): void {
    this.#untold.delete(name)
    this.#unreadable.delete(name)
    if (!this.#entries.delete(name)) return
    for (const listener of this.#listeners) listener(name, undefined)
  }
}
