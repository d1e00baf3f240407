// The operations that every process serves: hello and ping. Runs on the main thread of every process that listens. An
// answered hello means that client and server agree on a protocol version.
import { limits } from '../../protocol/limits.ts'
import type { OperationOn } from '../../protocol/operations.ts'
import { negotiateVersion } from '../../protocol/version.ts'
import type { Handlers } from './dispatch.ts'
import type { Clock } from '../time.ts'

export interface ServerIdentity {
  readonly brokerId: string
  readonly role: 'controller' | 'host'
  readonly hostId: number
  /** Name and version of the broker. */
  readonly software: string
}

export function sessionOperations(identity: ServerIdentity, now: Clock): Handlers<OperationOn<'session'>> {
  return {
    hello: (request, { session, fail }) => {
      // Before the version is checked, so that the log of a refused version names the client.
      session.introduce(request.client)
      return {
        version: negotiateVersion(request, fail),
        ...identity,
        frameBytesMax: limits.frameBytesMax,
        sessionIdleMs: limits.sessionIdleMs,
      }
    },
    ping: () => ({ now: now() }),
  }
}
