// The operations that every process serves: hello, authenticate and ping. Runs on the main thread of every process that listens. An
// answered hello means that client and server agree on a protocol version.
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { OperationOn } from '../../protocol/operations.ts'
import { negotiateVersion } from '../../protocol/version.ts'
import type { Access } from '../access/policy.ts'
import type { Handlers } from './dispatch.ts'
import type { Clock } from '../time.ts'
import type { Session } from './session.ts'

export interface ServerIdentity {
  readonly brokerId: string
  readonly role: 'controller' | 'host'
  readonly hostId: number
  /** Name and version of the broker. */
  readonly software: string
}

/** What the operations need of the server. */
export interface SessionDesk {
  readonly now: Clock
  /** Asked at each hello. */
  readonly access: () => Access
  /** A client has proved by this token who it is. */
  readonly onTokenUsed: (session: Session, tokenId: string) => void
  /** What a client sent proves nothing. */
  readonly onLoginFailed: (session: Session, error: MillraceError) => void
}

export function sessionOperations(
  identity: ServerIdentity,
  desk: SessionDesk,
): Handlers<OperationOn<'session'>> {
  return {
    hello: (request, { session, fail }) => {
      // Before the version is checked, so that the log of a refused version names the client.
      session.introduce(request.client)
      return {
        version: negotiateVersion(request, fail),
        ...identity,
        frameBytesMax: limits.frameBytesMax,
        sessionIdleMs: limits.sessionIdleMs,
        access: desk.access(),
      }
    },
    authenticate: ({ token, actAs: as }, { session, fail }) => {
      try {
        const bearer = session.authenticate(token, as === undefined ? undefined : { as, fail })
        desk.onTokenUsed(session, bearer.tokenId)
        return bearer
      } catch (error) {
        if (MillraceError.is(error, 'unauthenticated')) desk.onLoginFailed(session, error)
        throw error
      }
    },
    ping: () => ({ now: desk.now() }),
  }
}
