// From a request to its answer: finds the handler, and turns whatever it does into a response or an error that the
// operation declares. Runs in every process that listens, on its main thread. Handlers start in the order of arrival.
import type { ErrorOf, OperationName, RequestOf, ResponseOf } from '../../protocol/operations.ts'
import type { EventBody, EventFrom } from '../../protocol/events.ts'
import type { Session } from './session.ts'

/** What a handler gets beside its request. One per session, not one per request: keep nothing of a request in it. */
export interface Context<N extends OperationName> {
  readonly session: Session
  /** Fires when the session is closed, or when the process drains and its deadline has passed. */
  readonly signal: AbortSignal
  /** Throws the error that the client will get. Only codes that the operation declares. */
  fail(code: ErrorOf<N>, message: string, options?: { retryAfterMs?: number }): never
}

/**
 * Serves one operation. Its synchronous part runs in the order of arrival; promises are answered as they settle. Byte
 * fields of the request are private to it and stay valid.
 */
export type Handler<N extends OperationName> = (
  request: RequestOf<N>,
  context: Context<N>,
) => ResponseOf<N> | Promise<ResponseOf<N>>

export type Handlers<N extends OperationName> = { readonly [K in N]: Handler<K> }

/** Takes the events that clients send. A MillraceError closes the session with its code. */
export type ClientEventHandlers = {
  readonly [K in EventFrom<'client'>]: (body: EventBody<K>, session: Session) => void
}
