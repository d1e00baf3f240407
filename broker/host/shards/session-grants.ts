// What a session may do with the streams of this host, where a request has several parts, or goes on after its answer. Host main
// thread. What is refused is noted for the audit.
import type { Action } from '../../../protocol/access/grant.ts'
import { streamGone } from '../../access/absence.ts'
import { lacking } from '../../access/denial.ts'
import type { Identity } from '../../access/identity.ts'
import { StreamGrants, type NamedStream } from '../../access/stream-grants.ts'
import type { Session } from '../../server/session.ts'

/** Operations that are checked here, and what each needs. */
const needs = { append: 'write', fetch: 'read', subscribe: 'read' } as const satisfies Record<string, Action>

/** A stream that the session may see, and not use so; or one that does not exist for it. */
export type PartDenial =
  | { readonly code: 'permissionDenied'; readonly message: string }
  | { readonly code: 'streamNotFound'; readonly message: string }

type Asking = Pick<Session, 'identity' | 'denied'>

export class SessionGrants {
  readonly #grants = new StreamGrants()

  /** Returns why the session may not do it with the stream; undefined where it may. */
  denialOf(session: Asking, operation: keyof typeof needs, stream: NamedStream): PartDenial | undefined {
    const { identity } = session
    const action = needs[operation]
    const verdict = this.#grants.of(identity, action, stream)
    return verdict === 'allowed' ? undefined : denied(session, { operation, action, stream, verdict })
  }

  /** True if the session may manage the stream. */
  mayManage(identity: Identity, stream: NamedStream): boolean {
    return this.#grants.of(identity, 'manage', stream) === 'allowed'
  }
}

function denied(
  session: Asking,
  what: {
    readonly operation: keyof typeof needs
    readonly action: Action
    readonly stream: NamedStream
    readonly verdict: 'lacking' | 'hidden'
  },
): PartDenial {
  const { operation, action, stream, verdict } = what
  const { message, missing } = lacking(session.identity, { action, kind: 'stream', name: stream.streamName })
  const denial: PartDenial =
    verdict === 'lacking'
      ? { code: 'permissionDenied', message }
      : { code: 'streamNotFound', message: streamGone }
  session.denied({ operation, resource: stream.streamName, missing, code: denial.code })
  return denial
}
