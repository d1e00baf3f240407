// Follows the documents of a kind: yields first the existing documents, then every change. Runs in the client. If the broker
// no longer knows all changes, after a restart or because there are too many, the documents are listed again and compared with
// those yielded before. The newest state of a document is never missed; states in between may be.
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

/** The order of documents in a list: that of their names' UTF-8 bytes. */
export const documentOrder: ListOrder<{ readonly name: string }> = {
  operation: 'listDocuments',
  placeOf: ({ name }) => name,
  isBehind: (name, other) => Buffer.compare(Buffer.from(name), Buffer.from(other)) > 0,
}

/**
 * Yields what differs from the versions that are `known` already, and then changes, until the signal fires; then throws. Throws too if the broker refuses or cannot be reached for too long, and
 * `invalidAnswer` if a version goes back.
 */
export async function* followDocuments(
  control: Pick<ControlPlane, 'poll'>,
  place: DocumentPlace,
  settings: Settings,
  signal: AbortSignal,
  /** Version of each document that was yielded, or that the caller knows otherwise; 0 for one to be told in any case. Kept up to date. */
  known: Map<string, number> = new Map(),
): AsyncGenerator<Told, never, undefined> {
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
    // A sound broker answers after a change or a wait. A broker that answers at once, or never knows all changes, is asked
    // ever less often.
    await pace.next(signal)
    if (after === undefined) {
      const names = new Set<string>()
      for await (const page of pagesOf(control, place, signal)) {
        after ??= page.version
        for (const { name } of page.documents) names.add(name)
        yield* changed(page.documents)
      }
      // Settled before the first is told: whoever is told may come to know a name again.
      const gone = [...known.keys()].filter((name) => !names.has(name))
      for (const name of gone) {
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
