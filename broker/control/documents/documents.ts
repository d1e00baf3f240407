// Named documents: what clients read, put, delete, list and watch. Runs in the controller, over the store of small rows.
// A change is told to its client and to those who watch once it is durable; contents are read from the store, and only
// names, sizes and the newest changes are held in memory.
import { Buffer } from 'node:buffer'
import { limits } from '../../../protocol/limits.ts'
import type { RequestOf, ResponseOf, StoredDocument } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import {
  checkDocumentKind,
  checkDocumentName,
  checkDocumentPrefix,
} from '../../../protocol/text/document-name.ts'
import { quoteText } from '../../../protocol/text/text.ts'
import { noDocument } from '../../access/absence.ts'
import type { SmallValueIn } from '../../catalog/small-families.ts'
import type { Identity } from '../../access/identity.ts'
import type { Context } from '../../server/dispatch.ts'
import type { SmallRow, SmallRowsStore } from '../../small-rows-contract.ts'
import type { Time } from '../../time.ts'
import { checkPage } from '../pages.ts'
import { DocumentChanges, type DocumentChange } from './changes.ts'
import { compareKeys, shownKeys, type ShownKeys } from './shown-documents.ts'
import { DocumentUsage, type UsageLimits } from './usage.ts'
import { WaitingWatches } from './waiting.ts'

/** Documents that are read at a time for a page. */
const ROWS_AT_ONCE = 32

type Row = SmallRow<'document'>
type Value = SmallValueIn<'document'>

export interface DocumentsOptions {
  readonly store: SmallRowsStore
  readonly time: Pick<Time, 'now' | 'after'>
  /** Bounds of number and size. Default: those of the protocol. */
  readonly bounds?: UsageLimits
}

export class Documents {
  readonly #store: SmallRowsStore
  readonly #time: Pick<Time, 'now' | 'after'>
  readonly #usage: DocumentUsage
  readonly #changes: DocumentChanges
  readonly #waiting: WaitingWatches

  constructor({ store, time, bounds }: DocumentsOptions) {
    this.#store = store
    this.#time = time
    this.#usage = new DocumentUsage(bounds)
    this.#changes = new DocumentChanges(store.version)
    this.#waiting = new WaitingWatches(time)
    for (const { key, bytes } of store.extents('document')) {
      const [kind, name] = parseKey(key)
      this.#usage.stored(kind, name, bytes)
    }
  }

  /** Number of documents. */
  get count(): number {
    return this.#usage.count
  }

  /** Bytes that the documents take where they are stored. */
  get bytes(): number {
    return this.#usage.bytes
  }

  get({ kind, name }: RequestOf<'getDocument'>, fail: Fail<'documentNotFound'>): ResponseOf<'getDocument'> {
    checkTexts({ kind, name })
    const row = this.#store.get('document', keyOf(kind, name))
    return { document: row === undefined ? notFound(kind, name, fail) : describe(row) }
  }

  async put(
    { kind, name, content, expectedVersion }: RequestOf<'putDocument'>,
    fail: Fail<'versionConflict' | 'limitExceeded' | 'storageFull'>,
  ): Promise<ResponseOf<'putDocument'>> {
    checkTexts({ kind, name })
    const value = { content: Buffer.from(content).toString('base64'), updatedAt: this.#time.now() }
    const release = this.#usage.reserve(kind, name, bytesOf(value), fail)
    try {
      const { version } = await this.#change({ kind, name, value, expected: expectedVersion }, fail)
      return { version }
    } finally {
      release()
    }
  }

  async delete(
    { kind, name, expectedVersion }: RequestOf<'deleteDocument'>,
    fail: Fail<'documentNotFound' | 'versionConflict' | 'storageFull'>,
  ): Promise<ResponseOf<'deleteDocument'>> {
    checkTexts({ kind, name })
    if (expectedVersion === 0) {
      throw refusal('invalidArgument', 'expectedVersion of a deletion is 1 or more.')
    }
    if (!this.#usage.has(kind, name)) notFound(kind, name, fail)
    const { existed } = await this.#change({ kind, name, value: undefined, expected: expectedVersion }, fail)
    return existed ? {} : notFound(kind, name, fail)
  }

  /** Lists the documents that the identity may read: a list tells their contents. */
  list(request: RequestOf<'listDocuments'>, identity: Identity): ResponseOf<'listDocuments'> {
    const { kind, prefix = '', limit, exclusiveStartName } = request
    checkTexts({ kind, prefix, ...(exclusiveStartName !== undefined && { name: exclusiveStartName }) })
    checkPage(limit)
    // Before the rows are read: a change that comes meanwhile is told to who watches after it.
    const { version } = this.#changes
    const documents: StoredDocument[] = []
    let bytes = 0
    const after = exclusiveStartName === undefined ? undefined : keyOf(kind, exclusiveStartName)
    for (const range of shownKeys(identity.shown('document', 'read'), keyOf(kind, prefix))) {
      for (const row of this.#rows(range, after)) {
        if (documents.length === limit || bytes >= limits.documentAnswerBytesMax) {
          return { documents, hasMore: true, version }
        }
        documents.push(describe(row))
        bytes += row.value.content.length
      }
    }
    return { documents, hasMore: false, version }
  }

  /** Tells of the documents that the identity of the session may read when it is told. */
  async watch(
    { kind, prefix = '', after, maxWaitMs }: RequestOf<'watchDocuments'>,
    { session, signal }: Pick<Context<'watchDocuments'>, 'session' | 'signal'>,
  ): Promise<ResponseOf<'watchDocuments'>> {
    checkTexts({ kind, prefix })
    const sees = (name: string): boolean => session.identity.may('read', 'document', keyOf(kind, name))
    const place = { kind, prefix, sees }
    const changes = this.#changes.after(after, place)
    if (changes?.length !== 0) return this.#changed(changes)
    const unchangedUntil = await this.#waiting.change(place, maxWaitMs, signal)
    return this.#changed(unchangedUntil === undefined ? [] : this.#changes.after(unchangedUntil, place))
  }

  /** Answers watches that wait, now and from now on, so that the server can end its sessions. */
  endWaits(): void {
    this.#waiting.end()
  }

  /** Rows of a range of keys, a few at a time. */
  *#rows({ key, isPrefix }: ShownKeys, after: string | undefined): Generator<Row> {
    if (!isPrefix) {
      const isWanted = after === undefined || compareKeys(key, after) > 0
      const row = isWanted ? this.#store.get('document', key) : undefined
      if (row !== undefined) yield row
      return
    }
    let last = after
    for (;;) {
      const page = { prefix: key, limit: ROWS_AT_ONCE, ...(last !== undefined && { after: last }) }
      const rows = this.#store.list('document', page)
      yield* rows
      if (rows.length < ROWS_AT_ONCE) return
      last = rows.at(-1)!.key
    }
  }

  /** Makes an answer of as many changes as fit. Undefined changes mean that not all are known. */
  #changed(changes: readonly DocumentChange[] | undefined): ResponseOf<'watchDocuments'> {
    const answer = { documents: [] as StoredDocument[], deleted: [] as string[] }
    if (changes === undefined) return { ...answer, version: this.#changes.version, isComplete: false }
    let bytes = 0
    let count = 0
    for (const { kind, name, isDeletion, version } of changes) {
      if (isDeletion) answer.deleted.push(name)
      else {
        // None where it is deleted by now: that change has a version after this answer's.
        const row = this.#store.get('document', keyOf(kind, name))
        if (row !== undefined) answer.documents.push(describe(row))
        bytes += row?.value.content.length ?? 0
      }
      if (++count === limits.listPageMax || bytes >= limits.documentAnswerBytesMax) {
        return { ...answer, version, isComplete: true }
      }
    }
    return { ...answer, version: this.#changes.version, isComplete: true }
  }

  async #change(
    change: { kind: string; name: string; value: Value | undefined; expected: number | undefined },
    fail: Fail<'versionConflict' | 'storageFull'>,
  ): Promise<{ readonly version: number; readonly existed: boolean }> {
    const { kind, name, value, expected } = change
    const key = keyOf(kind, name)
    const outcome = await this.#store.change([{ family: 'document', key, value, expected }])
    switch (outcome.is) {
      case 'stored': {
        const { version } = outcome
        // Changes come here in the order in which they were stored.
        const existed = this.#usage.stored(kind, name, value && bytesOf(value))
        const before = this.#changes.version
        this.#changes.add({ version, kind, name, isDeletion: value === undefined })
        this.#waiting.wake({ kind, name }, before)
        return { version, existed }
      }
      case 'conflict': {
        if (value === undefined && outcome.version === 0) return { version: 0, existed: false }
        const { version: currentVersion } = outcome
        const has = currentVersion === 0 ? 'does not exist' : `has version ${currentVersion}`
        const wanted = expected === 0 ? 'it was expected not to exist' : `version ${expected} was expected`
        return fail('versionConflict', `The document ${nameOf(kind, name)} ${has}; ${wanted}.`, {
          currentVersion,
        })
      }
      case 'noRoom':
        return fail('storageFull', `The disk has no room for the document ${nameOf(kind, name)}.`)
    }
  }
}

const keyOf = (kind: string, name: string): string => `${kind}/${name}`

function parseKey(key: string): [kind: string, name: string] {
  const end = key.indexOf('/')
  return [key.slice(0, end), key.slice(end + 1)]
}

/** The bytes of the value's JSON. Base64 stands in it as it is. */
function bytesOf({ content, updatedAt }: Value): number {
  return JSON.stringify({ content: '', updatedAt }).length + content.length
}

function describe({ key, version, value }: Row): StoredDocument {
  const [, name] = parseKey(key)
  return { name, version, updatedAt: value.updatedAt, content: Buffer.from(value.content, 'base64') }
}

/** Throws `invalidArgument` for what can be no kind, no name, or no begin of a name. */
function checkTexts({ kind, name, prefix }: { kind: string; name?: string; prefix?: string }): void {
  const wrong =
    checkDocumentKind(kind) ??
    (name === undefined ? undefined : checkDocumentName(name)) ??
    (prefix === undefined ? undefined : checkDocumentPrefix(prefix))
  if (wrong !== undefined) throw refusal('invalidArgument', wrong)
}

function nameOf(kind: string, name: string): string {
  return quoteText(keyOf(kind, name))
}

function notFound(kind: string, name: string, fail: Fail<'documentNotFound'>): never {
  return fail('documentNotFound', noDocument(keyOf(kind, name)))
}
