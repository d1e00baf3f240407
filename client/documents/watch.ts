// One loop over the changes of documents. Runs in the client. It asks the broker only while the loop waits. It ends when the
// loop is left, when the client is closed, and when the signal fires.
import type { Codec } from '../codecs.ts'
import { onAbort } from '../waiting.ts'
import { decodeDocument } from './document-codec.ts'
import type { NamedDocument } from './documents.ts'
import type { Told } from './follow.ts'

/** A document that was put, in its newest state, or the name of a deleted one. */
export type DocumentChange<T> =
  ({ readonly type: 'put' } & NamedDocument<T>) | { readonly type: 'delete'; readonly name: string }

/** The parts of a watch. `follow` yields the documents, and `codec` decodes them. */
export interface WatchParts<T> {
  readonly follow: (signal: AbortSignal) => AsyncGenerator<Told, never, undefined>
  readonly codec: Codec<T>
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined
  readonly onClosed: () => void
}

const END = { done: true, value: undefined } as const

export class DocumentWatch<T> implements AsyncIterator<DocumentChange<T>, void, undefined> {
  readonly #parts: WatchParts<T>
  readonly #ending = new AbortController()
  readonly #told: AsyncGenerator<Told, never, undefined>
  readonly #stopListening: (() => void) | undefined
  #isClosed = false

  constructor(parts: WatchParts<T>) {
    this.#parts = parts
    this.#told = parts.follow(this.#ending.signal)
    const { signal } = parts
    this.#stopListening = signal === undefined ? undefined : onAbort(signal, () => this.abort(signal.reason))
  }

  async next(): Promise<IteratorResult<DocumentChange<T>, void>> {
    if (this.#isClosed) return END
    try {
      const { value: told } = await this.#told.next()
      if ('deleted' in told) return { done: false, value: { type: 'delete', name: told.deleted } }
      return { done: false, value: { type: 'put', ...documentOf(told, this.#parts.codec) } }
    } catch (error) {
      const wasClosed = this.#isClosed
      void this.close()
      if (wasClosed) return END
      throw error
    }
  }

  /** Called when the loop is left. */
  async return(): Promise<typeof END> {
    await this.close()
    return END
  }

  /** Ends the watch and the loop over it. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#ending.abort()
    this.#stopListening?.()
    this.#parts.onClosed()
    return Promise.resolve()
  }

  /** Ends the watch; the loop over it throws `aborted`. */
  abort(reason: unknown): void {
    this.#ending.abort(reason)
  }
}

/** Returns a document as applications see it. Throws `codecFailed`. */
export function documentOf<T>(
  { name, version, updatedAt, content }: Exclude<Told, { deleted: string }>,
  codec: Codec<T>,
): NamedDocument<T> {
  return { name, version, updatedAt: new Date(updatedAt), value: decodeDocument(codec, name, content) }
}
