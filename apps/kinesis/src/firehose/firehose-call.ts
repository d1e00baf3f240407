// What a handler of the Firehose API gets, and what all handlers are. Pure types.
import type { Caller } from '../call.ts'
import type { FirehoseInput, FirehoseOperationName, FirehoseOutput } from './model/operations.ts'

/** One request that was read, verified and validated. */
export interface FirehoseCall<N extends FirehoseOperationName> {
  readonly operation: N
  readonly input: FirehoseInput<N>
  readonly caller: Caller
  readonly region: string
  readonly requestId: string
  readonly signal: AbortSignal
}

export type FirehoseHandler<N extends FirehoseOperationName> = (
  call: FirehoseCall<N>,
) => Promise<FirehoseOutput<N>>

export type FirehoseHandlers = { readonly [N in FirehoseOperationName]: FirehoseHandler<N> }
export type FirehoseHandlersOf<N extends FirehoseOperationName> = Pick<FirehoseHandlers, N>
