// The newest changes of documents, for those who watch. Runs in the controller; pure. Only so many are remembered, and none
// from before the start: who watches after a version that lies further back is told so, and lists the documents again.
import { invariant } from '../../../protocol/invariant.ts'

const REMEMBERED_MAX = 16_384

/** A document that was put or deleted, under a version that no other change has. */
export interface DocumentChange {
  readonly version: number
  readonly kind: string
  readonly name: string
  readonly isDeletion: boolean
}

/** Documents of a kind whose names begin with a text. */
export interface DocumentPlace {
  readonly kind: string
  readonly prefix: string
  /** Those of the names alone for which it is true. */
  readonly sees?: (name: string) => boolean
}

export class DocumentChanges {
  readonly #rememberedMax: number
  /** In the order of their versions. */
  #changes: DocumentChange[] = []
  /** No change after this version is forgotten. */
  #knownAfter: number
  #version: number

  /** `version` is the newest at the start. */
  constructor(version: number, rememberedMax = REMEMBERED_MAX) {
    this.#version = version
    this.#knownAfter = version
    this.#rememberedMax = rememberedMax
  }

  /** The version of the newest change. */
  get version(): number {
    return this.#version
  }

  add(change: DocumentChange): void {
    invariant(change.version > this.#version, 'changes are told in the order in which they were stored')
    this.#version = change.version
    this.#changes.push(change)
    // Half of it at once, so that a change costs the same however many are remembered.
    if (this.#changes.length <= 2 * this.#rememberedMax) return
    this.#knownAfter = this.#changes[this.#rememberedMax]!.version
    this.#changes = this.#changes.slice(this.#rememberedMax + 1)
  }

  /** The newest change of each document there that was changed after `version`, oldest first; undefined if some are forgotten. */
  after(version: number, place: DocumentPlace): readonly DocumentChange[] | undefined {
    // A version that is still to come was given by a broker with other data.
    if (version < this.#knownAfter || version > this.#version) return undefined
    const newest: DocumentChange[] = []
    const names = new Set<string>()
    for (let index = this.#changes.length - 1; index >= 0; index--) {
      const change = this.#changes[index]!
      if (change.version <= version) break
      if (!isAt(place, change) || names.has(change.name)) continue
      names.add(change.name)
      newest.push(change)
    }
    return newest.toReversed()
  }
}

/** Returns true if the document is one of the place. */
export function isAt(
  { kind, prefix, sees }: DocumentPlace,
  document: Pick<DocumentChange, 'kind' | 'name'>,
): boolean {
  return document.kind === kind && document.name.startsWith(prefix) && (sees?.(document.name) ?? true)
}
