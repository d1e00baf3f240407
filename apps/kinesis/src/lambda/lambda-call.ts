// What a handler of the Lambda API gets, and what all handlers are. Pure types.
import type { Caller } from '../call.ts'
import type { LambdaInput, LambdaOperationName, LambdaOutput } from './model/operations.ts'

/** One request that was read, verified and validated. */
export interface LambdaCall<N extends LambdaOperationName> {
  readonly operation: N
  readonly input: LambdaInput<N>
  readonly caller: Caller
  readonly region: string
  readonly requestId: string
  readonly signal: AbortSignal
}

/** What is the same for all operations. */
export type AnyLambdaCall = Omit<LambdaCall<LambdaOperationName>, 'input'>

export type LambdaHandler<N extends LambdaOperationName> = (call: LambdaCall<N>) => Promise<LambdaOutput<N>>

export type LambdaHandlers = { readonly [N in LambdaOperationName]: LambdaHandler<N> }
export type LambdaHandlersOf<N extends LambdaOperationName> = Pick<LambdaHandlers, N>
