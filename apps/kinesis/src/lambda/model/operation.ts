// What an operation of the Lambda API is, as a row of its table. Pure types.
import type { Operation } from '../../model/operations/operation.ts'
import type { LambdaErrorName } from './errors.ts'

/** Where a request of REST says what, and how it is answered. */
export interface LambdaRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Segments in braces are members of the input. */
  readonly path: string
  /** Status of an answer that is no error. */
  readonly status: number
  /** Members of the input that stand in the query, by their names there. */
  readonly query?: Readonly<Record<string, string>>
  /** Members of the input that stand in headers, by their names there in small letters. */
  readonly headers?: Readonly<Record<string, string>>
  /** The member of input and output that is the body as it is; otherwise bodies are JSON of all other members. */
  readonly payload?: 'Payload'
  /** Members of the output that stand in headers. */
  readonly answerHeaders?: Readonly<Record<string, string>>
}

export interface LambdaOperation extends Omit<Operation, 'plane' | 'errors'> {
  readonly http: LambdaRoute
  /** Errors that the model declares for it and this endpoint may answer, beside those of every request. */
  readonly errors: readonly LambdaErrorName[]
}

export type LambdaFamily = Readonly<Record<string, LambdaOperation>>
