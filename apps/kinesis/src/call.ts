// What a handler gets, and what the handlers of all operations are. Pure types.
import type { Action, Client } from 'millrace'
import type { InputOf, OperationName, OutputOf } from './model/operations.ts'

/** Who sent a request, and what it may do. */
export interface Caller {
  /** The principal whose access key signed the request; undefined where signatures are not asked for. */
  readonly principal: string | undefined
  /** A client of the broker that may do what the caller may. It belongs to the endpoint: do not close it. */
  readonly client: Client
  /** Whether the caller may do this to a stream: for what the endpoint keeps itself, such as tags. */
  may(action: Action, stream: string): Promise<boolean>
}

/** One request that was read, verified and validated. */
export interface Call<N extends OperationName> {
  readonly operation: N
  readonly input: InputOf<N>
  readonly caller: Caller
  /** Region of the request's credential scope, or else of the settings: ARNs in answers name it. */
  readonly region: string
  readonly requestId: string
  /** Fires when the connection of the request ends, and for an answer without end, when the endpoint closes. */
  readonly signal: AbortSignal
}

/** Serves one operation. What it throws beside KinesisError is answered as InternalFailureException, and logged. */
export type Handler<N extends OperationName> = (call: Call<N>) => Promise<OutputOf<N>>

export type Handlers = { readonly [N in OperationName]: Handler<N> }

/** The handlers of some operations, as one part of the endpoint makes them. */
export type HandlersOf<N extends OperationName> = Pick<Handlers, N>
