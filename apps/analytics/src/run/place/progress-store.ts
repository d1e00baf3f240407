// Keeps the progress of one query in its document. Every change has the version that the one before left, so that a process from which
// the query was taken cannot change it any more: it learns so before it writes a result. Runs in the app; one change at a time.
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, type Documents } from 'millrace'
import type { QueryDefinition } from 'millrace/protocol'
import type { QueryProgress } from './query-place.ts'

/** Another process carries the query out now, or it was deleted. */
export class QueryTakenError extends Error {
  override readonly name = 'QueryTakenError'

  constructor(query: string) {
    super(`The query ${query} is carried out by another process now, or was deleted.`)
  }
}

/** How long a document that cannot be put waits before it is put again. */
const AGAIN_MS = 500

export type ProgressDocuments = Pick<Documents<QueryProgress>, 'get' | 'put'>

export class ProgressStore {
  readonly #documents: ProgressDocuments
  readonly #query: string
  #version: number
  #progress: QueryProgress

  private constructor(
    documents: ProgressDocuments,
    query: string,
    { version, progress }: { readonly version: number; readonly progress: QueryProgress },
  ) {
    this.#documents = documents
    this.#query = query
    this.#version = version
    this.#progress = progress
  }

  /**
   * Takes a query over, unless `isElsewhere` says that its owner carries it out. Fulfils with undefined where it does, or where another
   * process was quicker.
   */
  static async claim(
    documents: ProgressDocuments,
    query: string,
    options: {
      readonly owner: string
      readonly definition: QueryDefinition
      readonly isElsewhere: (owner: string) => boolean
    },
  ): Promise<ProgressStore | undefined> {
    const { owner, definition, isElsewhere } = options
    const found = await documents.get(query)
    const known = found?.value.definition.id === definition.id ? found.value : undefined
    const former = found?.value.owner ?? null
    if (former !== null && isElsewhere(former)) return undefined
    const progress: QueryProgress = {
      ...(known ?? { definition }),
      owner,
      epoch: (found?.value.epoch ?? 0) + 1,
      revision: 0,
    }
    try {
      const { version } = await documents.put(query, progress, { expectedVersion: found?.version ?? 0 })
      return new ProgressStore(documents, query, { version, progress })
    } catch (error) {
      if (MillraceError.is(error, 'versionConflict')) return undefined
      throw error
    }
  }

  get progress(): QueryProgress {
    return this.#progress
  }

  /**
   * Makes a change durable; insists until it is, or the signal fires. Rejects with `QueryTakenError`, after which nothing may be written.
   */
  async put(
    change: Partial<Pick<QueryProgress, 'owner' | 'definition' | 'place' | 'prepared'>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { prepared, ...kept } = { ...this.#progress, ...change }
    const revision = this.#progress.revision + 1
    const progress = { ...kept, ...(prepared !== undefined && { prepared }), revision }
    for (;;) {
      signal.throwIfAborted()
      try {
        const { version } = await this.#documents.put(this.#query, progress, {
          expectedVersion: this.#version,
          signal,
        })
        this.#took(version, progress)
        return
      } catch (error) {
        if (signal.aborted) throw error
        // Of a put whose answer was lost, and of one that is refused for its version, the document says what has become.
        if (await this.#isStored(progress, error, signal)) return
      }
    }
  }

  /** Gives the query to whichever process takes it first. */
  async release(signal: AbortSignal): Promise<void> {
    await this.put({ owner: null }, signal)
  }

  async #isStored(progress: QueryProgress, error: unknown, signal: AbortSignal): Promise<boolean> {
    const isConflict = MillraceError.is(error, 'versionConflict')
    if (!isConflict && (!(error instanceof MillraceError) || error.retry === 'never')) throw error
    try {
      const found = await this.#documents.get(this.#query, { signal })
      if (found === undefined || found.value.epoch !== progress.epoch) throw new QueryTakenError(this.#query)
      this.#version = found.version
      if (found.value.revision !== progress.revision) {
        await sleep(AGAIN_MS, undefined, { signal })
        return false
      }
      this.#took(found.version, progress)
      return true
    } catch (failure) {
      if (failure instanceof QueryTakenError || signal.aborted) throw failure
      await sleep(AGAIN_MS, undefined, { signal })
      return false
    }
  }

  #took(version: number, progress: QueryProgress): void {
    this.#version = version
    this.#progress = progress
  }
}
