// The operations that every process serves by itself: hello and ping. Runs on the main thread of every process that
// listens. Whoever gets an answer to hello has agreed on a version.
import { limits } from '../../protocol/limits.ts'
import type { OperationOn } from '../../protocol/operations.ts'
import { negotiateVersion } from '../../protocol/version.ts'
import type { Handlers } from './dispatch.ts'

export interface ServerIdentity {
  readonly brokerId: string
  readonly role: 'controller' | 'host'
  readonly hostId: number
  /** Name and version of the broker. */
  readonly software: string
}

export function sessionOperations(
  identity: ServerIdentity,
  clock: () => number,
): Handlers<OperationOn<'session'>> {
  return {
    hello: (request, { session, fail }) => {
      // A version that is refused is logged with the name of the client that asked for it.
      session.introduce(request.client)
      return {
        version: negotiateVersion(request, fail),
        ...identity,
        frameBytesMax: limits.frameBytesMax,
        sessionIdleMs: limits.sessionIdleMs,
      }
    },
    ping: () => ({ now: clock() }),
  }
}
