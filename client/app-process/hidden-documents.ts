// Says that a broker hides what an app lives by. Runs in the process of an app. What may not be read is left out of lists and watches as
// if there were none of it, so an app without the grant would do nothing and say nothing.
import { allows } from '../../protocol/access/grant.ts'
import { heldGrant, type Principal } from '../access/descriptions.ts'

/** How often it is looked: grants are taken, and end, while an app runs. */
const LOOK_MS = 60_000

export interface HiddenDocumentsOptions {
  /** Whose grants are looked at. */
  readonly client: { readonly access: { describePrincipal(): Promise<Principal> } }
  /** Kinds of documents of which the app reads all. */
  readonly kinds: readonly string[]
  /** Takes a sentence for the operator, once for each kind that is hidden, and anew where it was seen meanwhile. */
  readonly warn: (message: string) => void
  readonly now: () => number
  /** Calls again and again, until the returned function is called. By default a timer of the process. */
  readonly every?: (ms: number, run: () => void) => () => void
}

/** Warns for as long as it is open where documents of a kind are hidden from the app. */
export class HiddenDocuments {
  readonly #options: HiddenDocumentsOptions
  readonly #hidden = new Set<string>()
  readonly #stop: () => void
  #looking: Promise<void> | undefined

  private constructor(options: HiddenDocumentsOptions) {
    this.#options = options
    this.#stop = (options.every ?? everyByTimer)(LOOK_MS, () => void this.#look())
  }

  /** Looks for the first time, and fulfils with what goes on looking. */
  static async open(options: HiddenDocumentsOptions): Promise<HiddenDocuments> {
    const hidden = new HiddenDocuments(options)
    await hidden.#look()
    return hidden
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#stop()
    await this.#looking
  }

  #look(): Promise<void> {
    this.#looking ??= this.#compare().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #compare(): Promise<void> {
    const { client, kinds, warn, now } = this.#options
    let principal: Principal
    try {
      principal = await client.access.describePrincipal()
    } catch {
      // Of a broker that is away, or a token that has ended, the client says so itself.
      return
    }
    const grants = principal.grants.map(heldGrant)
    for (const kind of kinds) {
      // A grant that names all of them names this prefix too.
      const isSeen = allows(grants, { kind: 'document', name: `${kind}/`, action: 'read', now: now() })
      if (isSeen) this.#hidden.delete(kind)
      else if (!this.#hidden.has(kind)) {
        this.#hidden.add(kind)
        warn(
          `The principal ${principal.name} lacks the grant 'document:${kind}/*:read': what it may not read of them is to this app as if it were not there.`,
        )
      }
    }
  }
}

function everyByTimer(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms)
  return () => clearInterval(timer)
}
