// Named documents as applications use them: values that the broker keeps by kind and name, each with a version. Runs in the
// client. No version comes twice, so a put with an expected version changes the document only if it is still as it was read.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { StoredDocument } from '../../protocol/operations.ts'
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
import { KeptDocuments, type KeepOptions } from './kept-documents.ts'
import { documentOf, DocumentWatch, type DocumentChange } from './watch.ts'

/** A document: a value under a name. */
export interface NamedDocument<T> {
  /** Its name within its kind. */
  readonly name: string
  /** Rises with every put. A version is never given twice, neither to one document nor to two. */
  readonly version: number
  /** When it was last put, by the broker's clock. */
  readonly updatedAt: Date
  /** Its content, decoded. */
  readonly value: T
}

/** Options of the documents of a kind. */
export interface DocumentsOptions<T> {
  /** How values become bytes and back; JSON by default. */
  readonly codec?: DocumentCodec<T>
}

/** Options of a put: its condition. */
export interface PutDocumentOptions extends CallOptions {
  /** Put only if the document has this version, or with 0 only if there is none. Without it, the put has no condition. */
  readonly expectedVersion?: number | undefined
}

/** Options of a delete: its condition. */
export interface DeleteDocumentOptions extends CallOptions {
  /** Delete only if the document has this version. Without it, the delete has no condition. */
  readonly expectedVersion?: number | undefined
}

/** Selects documents of a kind. */
export interface DocumentsWhere extends CallOptions {
  /** Only documents whose names begin with this text. */
  readonly prefix?: string | undefined
}

/** The parts of the client that documents use. */
export interface DocumentsDependencies {
  readonly control: ControlPlane
  readonly settings: Settings
  /** Called with each new watch, which the client closes when it is closed. Returns a function that forgets the watch. */
  readonly onWatch: (watch: Pick<DocumentWatch<never>, 'close' | 'abort'>) => () => void
}

/** The documents of one kind. Made by `client.documents`. */
export class Documents<T> {
  /** 1 to 64 characters of a–z, 0–9 and `-`. */
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

  /** Returns the document of this name; undefined if there is none. */
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
   * Makes or replaces a document of up to 256 KiB; fulfils with its version when it is on the disk. Rejects with
   * `versionConflict` if it does not have the expected version (`error.currentVersion` is the version that it has), with
   * `limitExceeded` if there are too many documents, and with `storageFull`. If the answer is lost, a put without an expected
   * version is sent again. A put with one rejects (`connectionLost`, `timedOut`), and the document may have been stored.
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
   * Reads a document, calls `change` with its value (undefined if there is none), and puts the result. If another client has
   * changed the document meanwhile, all of this is repeated, so `change` may be called several times. Rejects with
   * `versionConflict` if that goes on for the client's `requestTimeoutMs`, and otherwise as a `put` with an expected version.
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
   * Deletes a document; fulfils with false if there is none. Rejects with `versionConflict` if it does not have the expected
   * version. If the answer is lost, a delete without an expected version is sent again: false may then mean that the first
   * request deleted the document.
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

  /** Lists documents in the order of their names' UTF-8 bytes. Read the list by `for await`, or by `.page()`. */
  list(options: DocumentsWhere = {}): Listing<NamedDocument<T>> {
    checkOptions('listDocuments', options)
    return this.#list(options, (document) => documentOf(document, this.#codec))
  }

  #list<D extends { readonly name: string }>(
    { prefix, signal: shared }: DocumentsWhere,
    itemOf: (document: StoredDocument) => D,
  ): Listing<D> {
    const { kind } = this
    return listing<D>(shared === undefined ? {} : { signal: shared }, {
      ...documentOrder,
      fetch: async ({ limit, after, signal }) => {
        const request = { kind, prefix, limit, exclusiveStartName: after }
        const { documents, hasMore } = await this.#control.call('listDocuments', request, signal)
        return { items: documents.map(itemOf), hasMore }
      },
    })
  }

  /**
   * Yields each existing document, and then every change, for as long as the loop runs. Restarts of the broker do not end it.
   * A loop that is slower than the changes gets the newest state of each document, and may miss states in between. The loop
   * throws `aborted` when the signal fires and `codecFailed` for a document that the codec does not take. It ends when the
   * client is closed.
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
      forget = this.#onWatch(watch)
      return watch
    }
    return { [Symbol.asyncIterator]: begin }
  }

  /**
   * Reads all documents of the kind into memory, and keeps them up to date until they or the client are closed. For programs that
   * look at documents often and change them seldom. Rejects if the broker cannot be asked at first.
   */
  async keep(options: KeepOptions = {}): Promise<KeptDocuments<T>> {
    checkOptions('keepDocuments', options)
    const place = { kind: this.kind, prefix: undefined }
    return KeptDocuments.open<T>(
      {
        documents: this,
        codec: this.#codec,
        settings: this.#settings,
        list: (signal) => this.#list(signal === undefined ? {} : { signal }, (stored) => stored),
        follow: (known, signal) => followDocuments(this.#control, place, this.#settings, signal, known),
        onOpened: this.#onWatch,
      },
      options,
    )
  }
}
