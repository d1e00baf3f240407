// Follows the documents of a kind: first those that are there, then every change. Runs in the client. Where the broker no
// longer knows all changes, after a restart or when they are too many, the documents are listed again and compared with
// what was told before: what a document came to is never missed, what it was in between may be.
import { limits } from '../../protocol/limits.ts'
import type { StoredDocument } from '../../protocol/operations.ts'
import { quoteText } from '../../protocol/text/text.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import { invalidAnswer } from '../errors.ts'
import { Pace } from '../retry.ts'
import { clientLimits, type Settings } from '../settings.ts'
import { nextPlace, type ListOrder } from '../streams/listing.ts'

/** Documents of a kind whose names begin with a text. */
export interface DocumentPlace {
  readonly kind: string
  readonly prefix: string | undefined
}

/** A document as it is now, or the name of one that is no longer there. */
export type Told = StoredDocument | { readonly deleted: string }

/** How documents are listed: in the order of their names' UTF-8 bytes. */
export const documentOrder: ListOrder<{ readonly name: string }> = {
  operation: 'listDocuments',
  placeOf: ({ name }) => name,
  isBehind: (name, other) => Buffer.compare(Buffer.from(name), Buffer.from(other)) > 0,
}

/**
 * Yields until the signal fires; throws then, and where the broker refuses or was not heard of for too long, and
 * `invalidAnswer` where what it tells goes back.
 */
export async function* followDocuments(
  control: Pick<ControlPlane, 'poll'>,
  place: DocumentPlace,
  settings: Settings,
  signal: AbortSignal,
): AsyncGenerator<Told, never, undefined> {
  /** Versions of the documents that were told. */
  const known = new Map<string, number>()
  function* changed(documents: readonly StoredDocument[]): Generator<Told> {
    for (const document of documents) {
      const { name, version } = document
      const told = known.get(name) ?? -1
      if (version < told)
        throw invalidAnswer(`${quoteText(name)} had version ${told}, and has ${version} now.`)
      if (version === told) continue
      known.set(name, version)
      yield document
    }
  }
  let after: number | undefined
  let pace = new Pace(settings)
  for (;;) {
    // A broker waits for a change. One that does not, or never knows all changes, is not to be asked as fast as it answers.
    await pace.next(signal)
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
    if (answer.isComplete && answer.version < after!) {
      throw invalidAnswer(
        `The answer to watchDocuments does not lead on from ${after}: it goes back to ${answer.version}.`,
      )
    }
    if (answer.isComplete && answer.version > after!) pace = new Pace(settings)
    after = answer.isComplete ? answer.version : undefined
  }
}

async function* pagesOf(control: Pick<ControlPlane, 'poll'>, place: DocumentPlace, signal: AbortSignal) {
  let exclusiveStartName: string | undefined
  for (;;) {
    const request = { ...place, limit: limits.listPageMax, exclusiveStartName }
    const page = await control.poll('listDocuments', request, { signal })
    const next = nextPlace(
      { items: page.documents, hasMore: page.hasMore },
      exclusiveStartName,
      documentOrder,
    )
    yield page
    if (next === undefined) return
    exclusiveStartName = next
  }
}
