// Follows the documents of a kind: first those that are there, then every change. Runs in the client. Where the broker no
// longer knows all changes, after a restart or when they are too many, the documents are listed again and compared with
// what was told before: what a document came to is never missed, what it was in between may be.
import { limits } from '../../protocol/limits.ts'
import type { StoredDocument } from '../../protocol/operations.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import { clientLimits } from '../settings.ts'

/** Documents of a kind whose names begin with a text. */
export interface DocumentPlace {
  readonly kind: string
  readonly prefix: string | undefined
}

/** A document as it is now, or the name of one that is no longer there. */
export type Told = StoredDocument | { readonly deleted: string }

/** Yields until the signal fires; throws then, and where the broker refuses or was not heard of for too long. */
export async function* followDocuments(
  control: Pick<ControlPlane, 'poll'>,
  place: DocumentPlace,
  signal: AbortSignal,
): AsyncGenerator<Told, never, undefined> {
  /** Versions of the documents that were told. */
  const known = new Map<string, number>()
  function* changed(documents: readonly StoredDocument[]): Generator<Told> {
    for (const document of documents) {
      if (known.get(document.name) === document.version) continue
      known.set(document.name, document.version)
      yield document
    }
  }
  let after: number | undefined
  for (;;) {
    if (after === undefined) {
      const names = new Set<string>()
      for await (const page of pagesOf(control, place, signal)) {
        after ??= page.version
        for (const { name } of page.documents) names.add(name)
        yield* changed(page.documents)
      }
      for (const name of known.keys()) {
        if (names.has(name)) continue
        known.delete(name)
        yield { deleted: name }
      }
    }
    const maxWaitMs = clientLimits.documentWaitMs
    const request = { ...place, after: after!, maxWaitMs }
    const answer = await control.poll('watchDocuments', request, { signal, waitMs: maxWaitMs })
    for (const name of answer.deleted) if (known.delete(name)) yield { deleted: name }
    yield* changed(answer.documents)
    after = answer.isComplete ? answer.version : undefined
  }
}

async function* pagesOf(control: Pick<ControlPlane, 'poll'>, place: DocumentPlace, signal: AbortSignal) {
  let exclusiveStartName: string | undefined
  for (;;) {
    const request = { ...place, limit: limits.listPageMax, exclusiveStartName }
    const page = await control.poll('listDocuments', request, { signal })
    yield page
    if (!page.hasMore) return
    exclusiveStartName = page.documents.at(-1)?.name
  }
}
