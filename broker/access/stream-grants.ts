// What an identity may do with streams, remembered: a data request asks for each of its items, and must not pay for reading
// grants. Runs in every host, on its main thread; pure. What is remembered ends with the identity, and when a grant of it ends.
import type { Action } from '../../protocol/access/grant.ts'
import type { Identity } from './identity.ts'

/** allowed; lacking: it may be seen, and the action is not granted; hidden: it does not exist for him. */
export type Verdict = 'allowed' | 'lacking' | 'hidden'

export interface NamedStream {
  readonly streamId: number
  readonly streamName: string
}

/** Streams of one identity that are remembered: beyond it, all are decided again. */
const REMEMBERED_MAX = 16_384

type Verdicts = Map<number, Verdict>

interface Known {
  standing: number
  readonly of: Map<Action, Verdicts>
}

export class StreamGrants {
  readonly #known = new WeakMap<Identity, Known>()

  /** Decides on an action on a stream. */
  of(identity: Identity, action: Action, { streamId, streamName }: NamedStream): Verdict {
    const verdicts = this.#verdicts(identity, action)
    const known = verdicts.get(streamId)
    if (known !== undefined) return known
    if (verdicts.size >= REMEMBERED_MAX) verdicts.clear()
    const verdict = verdictOf(identity, action, streamName)
    verdicts.set(streamId, verdict)
    return verdict
  }

  #verdicts(identity: Identity, action: Action): Verdicts {
    const { standing } = identity
    let known = this.#known.get(identity)
    if (known === undefined) {
      known = { standing, of: new Map() }
      this.#known.set(identity, known)
    }
    if (known.standing !== standing) {
      known.of.clear()
      known.standing = standing
    }
    let verdicts = known.of.get(action)
    if (verdicts === undefined) known.of.set(action, (verdicts = new Map()))
    return verdicts
  }
}

function verdictOf(identity: Identity, action: Action, name: string): Verdict {
  if (identity.may(action, 'stream', name)) return 'allowed'
  return identity.may('describe', 'stream', name) ? 'lacking' : 'hidden'
}
