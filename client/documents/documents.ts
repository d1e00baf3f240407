// Named documents as programs use them: values of one kind that the broker keeps, each with a version. Runs in the client.
// A version never comes twice, so a put that expects one either finds the document as it was read, or changes nothing.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { checkDocumentKind } from '../../protocol/text/document-name.ts'
import type { Codec } from '../codecs.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import { backoffMs } from '../retry.ts'
import { clientLimits, type CallOptions, type Settings } from '../settings.ts'
import { listing, type Listing } from '../streams/listing.ts'
import { sleep } from '../waiting.ts'
import { encodeDocument, resolveCodec, type DocumentCodec } from './document-codec.ts'
import { documentOrder, followDocuments } from './follow.ts'
import { documentOf, DocumentWatch, type DocumentChange } from './watch.ts'

/** A document: a value under a name. */
export interface NamedDocument<T> {
  /** Its name within its kind. */
  readonly name: string
  /** Rises with every put; no two documents, and no two states of one, ever have the same version. */
  readonly version: number
  /** When it was put, by the broker's clock. */
  readonly updatedAt: Date
  /** What it holds. */
  readonly value: T
}

/** How the documents of a kind are kept. */
export interface DocumentsOptions<T> {
  /** How values become bytes and back; JSON by default. */
  readonly codec?: DocumentCodec<T>
}

/** On which condition a document is put. */
export interface PutDocumentOptions extends CallOptions {
  /** Put only if the document has this version; 0: only if there is none. Without it, there is no condition. */
  readonly expectedVersion?: number | undefined
}

/** On which condition a document is deleted. */
export interface DeleteDocumentOptions extends CallOptions {
  /** Delete only if the document has this version. Without it, there is no condition. */
  readonly expectedVersion?: number | undefined
}

/** Which documents of a kind. */
export interface DocumentsWhere extends CallOptions {
  /** Only those whose names begin with this text. */
  readonly prefix?: string | undefined
}

/** What documents need of the client. */
export interface DocumentsDependencies {
  readonly control: ControlPlane
  readonly settings: Settings
  /** Called with each watch that begins; it is closed with the client. Returns how to forget it. */
  readonly onWatch: (watch: DocumentWatch<never>) => () => void
}

/** The documents of one kind. Made by `client.documents`. */
export class Documents<T> {
  /** 1 to 64 of a–z, 0–9 and `-`. */
  readonly kind: string
  readonly #codec: Codec<T>
  readonly #control: ControlPlane
  readonly #settings: Settings
  readonly #onWatch: DocumentsDependencies['onWatch']

  constructor(kind: string, options: DocumentsOptions<T>, dependencies: DocumentsDependencies) {
    checkArgument('kind', kind)
    checkOptions('documents', options)
    const wrong = checkDocumentKind(kind)
    if (wrong !== undefined) throw new MillraceError('invalidArgument', wrong)
    this.kind = kind
    this.#codec = resolveCodec(options.codec)
    this.#control = dependencies.control
    this.#settings = dependencies.settings
    this.#onWatch = dependencies.onWatch
  }

  /** The document of this name; undefined where there is none. */
  async get(name: string, options: CallOptions = {}): Promise<NamedDocument<T> | undefined> {
    checkArgument('name', name)
    checkOptions('getDocument', options)
    const { kind } = this
    try {
      const { document } = await this.#control.call('getDocument', { kind, name }, options.signal)
      return documentOf(document, this.#codec)
    } catch (error) {
      if (MillraceError.is(error, 'documentNotFound')) return undefined
      throw error
    }
  }

  /**
   * Makes a document or replaces it, up to 256 KiB; fulfils with its version when it is on the disk. Rejects with
   * `versionConflict` where it does not have the expected version (`error.currentVersion` is the one that it has), with
   * `limitExceeded` where there are too many documents, and with `storageFull`. Without an expected version it is sent again
   * where an answer was lost; with one it rejects then (`connectionLost`, `timedOut`), and may have been stored.
   */
  async put(name: string, value: T, options: PutDocumentOptions = {}): Promise<{ readonly version: number }> {
    checkArgument('name', name)
    checkOptions('putDocument', options)
    const { expectedVersion, signal } = options
    const { kind } = this
    const content = encodeDocument(this.#codec, name, value)
    const idempotent = expectedVersion === undefined
    const request = { kind, name, content, expectedVersion }
    return this.#control.call('putDocument', request, signal, { idempotent })
  }

  /**
   * Replaces a document by what `change` makes of it: reads it, calls `change` with its value (undefined where there is
   * none), and puts the result, all over again where somebody else was faster. `change` may be called several times. Rejects
   * with `versionConflict` where others were faster until the client's `requestTimeoutMs` was over, and else as a `put` with
   * an expected version does.
   */
  async update(
    name: string,
    change: (value: T | undefined) => T | Promise<T>,
    options: CallOptions = {},
  ): Promise<{ readonly version: number; readonly value: T }> {
    checkArgument('name', name)
    checkArgument('change', change)
    checkOptions('updateDocument', options)
    const { monotonic, requestTimeoutMs, random } = this.#settings
    const deadline = monotonic() + requestTimeoutMs
    for (let attempt = 0; ; attempt++) {
      const found = await this.get(name, options)
      const value = await change(found?.value)
      try {
        const { version } = await this.put(name, value, { ...options, expectedVersion: found?.version ?? 0 })
        return { version, value }
      } catch (error) {
        if (!MillraceError.is(error, 'versionConflict')) throw error
        const delayMs = backoffMs(clientLimits.conflictBackoff, attempt, random)
        if (monotonic() + delayMs >= deadline) throw error
        await sleep(delayMs, options.signal)
      }
    }
  }

  /**
   * Deletes a document; fulfils with false where there is none. Rejects with `versionConflict` where it does not have the
   * expected version. Without an expected version it is sent again where an answer was lost: false may then mean that it was
   * deleted by the first one.
   */
  async delete(name: string, options: DeleteDocumentOptions = {}): Promise<boolean> {
    checkArgument('name', name)
    checkOptions('deleteDocument', options)
    const { expectedVersion, signal } = options
    const { kind } = this
    const idempotent = expectedVersion === undefined
    try {
      await this.#control.call('deleteDocument', { kind, name, expectedVersion }, signal, { idempotent })
      return true
    } catch (error) {
      if (MillraceError.is(error, 'documentNotFound')) return false
      throw error
    }
  }

  /** The documents in the order of their names' UTF-8 bytes: `for await`, or `.page()`. */
  list(options: DocumentsWhere = {}): Listing<NamedDocument<T>> {
    checkOptions('listDocuments', options)
    const { kind } = this
    const { prefix, signal: shared } = options
    return listing<NamedDocument<T>>(shared === undefined ? {} : { signal: shared }, {
      ...documentOrder,
      fetch: async ({ limit, after, signal }) => {
        const request = { kind, prefix, limit, exclusiveStartName: after }
        const { documents, hasMore } = await this.#control.call('listDocuments', request, signal)
        return { items: documents.map((document) => documentOf(document, this.#codec)), hasMore }
      },
    })
  }

  /**
   * Tells each document that is there, and then every change, for as long as the loop runs, through restarts of the broker.
   * A loop that is slower than the changes gets the newest state of each document, and may miss states in between. It throws
   * `aborted` when the signal fires, `codecFailed` for a document that is none of `T`, and ends when the client is closed.
   */
  watch(options: DocumentsWhere = {}): AsyncIterable<DocumentChange<T>> {
    checkOptions('watchDocuments', options)
    const place = { kind: this.kind, prefix: options.prefix }
    const begin = (): DocumentWatch<T> => {
      let forget = (): void => {}
      const watch = new DocumentWatch<T>({
        follow: (signal) => followDocuments(this.#control, place, this.#settings, signal),
        codec: this.#codec,
        signal: options.signal,
        onClosed: () => forget(),
      })
      forget = this.#onWatch(watch as DocumentWatch<never>)
      return watch
    }
    return { [Symbol.asyncIterator]: begin }
  }
}
