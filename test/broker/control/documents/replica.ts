// A copy of the documents of a kind that is kept as the protocol says: list, then watch, and list again where the broker no
// longer knows all changes. It notes what became of each document, for comparison with the broker's own list.
import type { RequestOf, ResponseOf, StoredDocument } from '../../../../protocol/operations.ts'

/** Asks the controller, whichever one runs now. */
export interface Asking {
  list(request: RequestOf<'listDocuments'>): Promise<ResponseOf<'listDocuments'>>
  watch(request: RequestOf<'watchDocuments'>): Promise<ResponseOf<'watchDocuments'>>
}

export class Replica {
  readonly #asking: Asking
  readonly #place: { readonly kind: string; readonly prefix: string | undefined }
  #after: number | undefined
  /** Documents by name, as text: `7 content`. */
  readonly documents = new Map<string, string>()
  /** How often it had to list. */
  lists = 0

  constructor(asking: Asking, kind: string, prefix?: string) {
    this.#asking = asking
    this.#place = { kind, prefix }
  }

  /** Takes one answer. */
  async step(maxWaitMs = 0): Promise<void> {
    if (this.#after === undefined) return this.#list()
    const answer = await this.#asking.watch({ ...this.#place, after: this.#after, maxWaitMs })
    if (!answer.isComplete) return this.#list()
    this.#after = answer.version
    for (const document of answer.documents) this.documents.set(document.name, textOf(document))
    for (const name of answer.deleted) this.documents.delete(name)
  }

  async #list(): Promise<void> {
    this.lists++
    const { documents, version } = await listed(this.#asking, this.#place.kind, this.#place.prefix)
    this.documents.clear()
    for (const document of documents) this.documents.set(document.name, textOf(document))
    this.#after = version
  }
}

/** All pages of a list, with the version of the first. */
export async function listed(
  asking: Pick<Asking, 'list'>,
  kind: string,
  prefix?: string,
  limit = 3,
): Promise<{ documents: readonly StoredDocument[]; pages: number; version: number }> {
  const documents: StoredDocument[] = []
  let first: number | undefined
  for (let pages = 1; ; pages++) {
    const exclusiveStartName = documents.at(-1)?.name
    const answer = await asking.list({ kind, prefix, limit, exclusiveStartName })
    first ??= answer.version
    documents.push(...answer.documents)
    if (!answer.hasMore) return { documents, pages, version: first }
  }
}

export function textOf({ version, content }: Pick<StoredDocument, 'version' | 'content'>): string {
  return `${version} ${Buffer.from(content).toString()}`
}
