// From a request to its answer: calls the handler, and turns its result into a response, or its failure into an error that
// the operation declares. Runs on the main thread of every process that listens. Handlers start in the order of arrival;
// each request is answered once, as soon as its handler is done.
import type { Logger } from 'pino'
import { universalErrors, type ErrorCode } from '../../protocol/error-codes.ts'
import type { EventBody, EventFrom } from '../../protocol/events.ts'
import { InvariantError } from '../../protocol/invariant.ts'
import {
  encodeResponse,
  SharedResponse,
  type EventMessage,
  type RequestMessage,
} from '../../protocol/frame/messages.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import {
  operations,
  type ErrorOf,
  type OperationName,
  type RequestOf,
  type ResponseOf,
  type SharedOperation,
} from '../../protocol/operations.ts'
import type { Fail } from '../../protocol/refusal.ts'
import type { Gate } from '../access/gate.ts'
import type { Session } from './session.ts'

/** Of a context: codes are checked where a handler gets it. */
export const fail: Fail<ErrorCode> = (code, message, details = {}) => {
  throw new MillraceError(code, message, details)
}

/** What a handler gets beside its request. All requests of a session share one: keep no data of a request in it. */
export interface Context<N extends OperationName> {
  readonly session: Session
  /** Fires when the session has ended, or when the process drains and its deadline has passed. */
  readonly signal: AbortSignal
  /** Throws an error that the client gets, with a code that the operation declares. Pass it on to functions that need it. */
  readonly fail: Fail<ErrorOf<N>>
}

/**
 * Serves one operation. Its synchronous part runs in the order of arrival; promises are answered as they settle. Byte
 * fields of the request are private to it and stay valid; those of the response must not change until they are sent.
 */
export type Handler<N extends OperationName> = (
  request: RequestOf<N>,
  context: Context<N>,
) => Answer<N> | Promise<Answer<N>>

/** A handler's answer. For operations marked as shared it may be a SharedResponse, encoded once for many clients. */
export type Answer<N extends OperationName> =
  ResponseOf<N> | (N extends SharedOperation ? SharedResponse<N> : never)

export type Handlers<N extends OperationName> = { readonly [K in N]: Handler<K> }

/** Takes the events that clients send. A MillraceError closes the session with its code. */
export type ClientEventHandlers = {
  readonly [K in EventFrom<'client'>]: (body: EventBody<K>, session: Session) => void
}

/** An error as it is sent. */
export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
  readonly retryAfterMs?: number | undefined
  readonly currentVersion?: number | undefined
  /** The grant that is missing, where that is why: not for the client, whom the message may tell something else. */
  readonly missing?: string | undefined
}

/** Where answers go. It drops a second answer to a request, and any answer after the end of the session. */
export interface Answering {
  answer(message: RequestMessage, chunks: readonly Uint8Array[]): void
  refuse(message: RequestMessage, refusal: Refusal): void
}

export interface Dispatch {
  request(message: RequestMessage, context: Context<OperationName>, to: Answering): void
  event(message: EventMessage, session: Session): void
}

export interface DispatchOptions {
  readonly handlers: Handlers<never>
  readonly events: Partial<ClientEventHandlers>
  /** Says what the sender may not do. */
  readonly gate: Gate
  /** The name of this process in error messages. */
  readonly processName: string
  readonly log: Logger
  /** Called with a broken invariant, after it was logged. The request stays unanswered: the process is about to end. */
  readonly onBroken: (error: InvariantError) => void
}

// Erased types: the message's operation or event name selects the handler, whose type was checked against the table.
type AnyHandler = (request: unknown, context: unknown) => unknown
type AnyEventHandler = (body: unknown, session: Session) => void

/** Serves requests and events by the handlers given. */
export function createDispatch(options: DispatchOptions): Dispatch {
  const { processName, gate, log, onBroken } = options
  const handlers = options.handlers as Partial<Record<string, AnyHandler>>
  const eventHandlers = options.events as Partial<Record<string, AnyEventHandler>>

  /** Returns the error for the client: `error` where `isDeclared` allows its code, else `internal`. */
  function refusalOf(
    what: string,
    error: unknown,
    isDeclared: (code: ErrorCode) => boolean,
  ): Refusal | undefined {
    if (error instanceof InvariantError) {
      log.fatal({ what, err: error }, 'an invariant is broken')
      onBroken(error)
      return undefined
    }
    if (MillraceError.is(error) && isDeclared(error.code)) return error
    log.error({ what, err: error }, 'a handler failed in a way that its table does not declare')
    return {
      code: 'internal',
      message: `${what} failed unexpectedly; the log of ${processName} has the details.`,
    }
  }

  function failed(message: RequestMessage, error: unknown, to: Answering): void {
    const { operation } = message
    const refusal = refusalOf(operation, error, (code) => declares(operation, code))
    if (refusal !== undefined) to.refuse(message, refusal)
  }

  function respond(message: RequestMessage, response: unknown, to: Answering): void {
    const { operation, correlationId } = message
    let chunks
    try {
      chunks =
        response instanceof SharedResponse
          ? response.encode(correlationId)
          : encodeResponse(operation, correlationId, response as never)
    } catch (error) {
      // The codec throws `invalidArgument`, but the wrong argument is this process's, not the client's.
      return failed(message, new Error(`the answer to ${operation} is wrong`, { cause: error }), to)
    }
    to.answer(message, chunks)
  }

  return {
    request: (message, context, to) => {
      const { operation, request } = message
      const handler = handlers[operation]
      if (handler === undefined) {
        const { plane } = operations[operation]
        const why = `${processName} does not serve ${operation}, an operation of the ${plane} plane.`
        return to.refuse(message, { code: 'unknownOperation', message: why })
      }
      const denial = gate(operation, request, context.session.identity)
      if (denial !== undefined) return to.refuse(message, denial)
      try {
        const outcome = handler(request, context)
        if (!(outcome instanceof Promise)) return respond(message, outcome, to)
        outcome.then(
          (response: unknown) => respond(message, response, to),
          (error: unknown) => failed(message, error, to),
        )
      } catch (error) {
        failed(message, error, to)
      }
    },

    event: ({ event, body }, session) => {
      const handler = eventHandlers[event]
      if (handler === undefined)
        return session.close('unknownOperation', `${processName} takes no event ${event}.`)
      try {
        handler(body, session)
      } catch (error) {
        const refusal = refusalOf(event, error, () => true)
        if (refusal !== undefined) session.close(refusal.code, refusal.message)
      }
    },
  }
}

/** True if the operation may fail with this code. Clients are not prepared for codes that it does not declare. */
function declares(operation: OperationName, code: ErrorCode): boolean {
  const declared: readonly ErrorCode[] = operations[operation].errors
  return declared.includes(code) || (universalErrors as readonly ErrorCode[]).includes(code)
}
