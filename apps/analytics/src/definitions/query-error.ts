// What is refused of queries: one error for every door to them. Pure.
import type { SqlPlace } from '../plan/query-plan.ts'

/** `invalid`: it cannot be a query. `exists`, `notFound`: there is such a query already, or none. */
export type QueryErrorCode = 'invalid' | 'exists' | 'notFound'

/** A refusal, as sentences for a person; those about SQL show the line. */
export class QueryError extends Error {
  override readonly name = 'QueryError'
  readonly code: QueryErrorCode
  /** Of what is wrong in the text of SQL. */
  readonly place: SqlPlace | undefined

  constructor(
    code: QueryErrorCode,
    message: string,
    { place, cause }: { readonly place?: SqlPlace; readonly cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.place = place
  }
}

export function notFound(name: string): QueryError {
  return new QueryError('notFound', `There is no query ${name}.`)
}

export function alreadyThere(name: string): QueryError {
  return new QueryError('exists', `There is a query ${name} already: replace it, or delete it first.`)
}

export function isTried(name: string): QueryError {
  return new QueryError(
    'invalid',
    `${name} is tried beside the version before it, and is not changed: delete it, and try another one (query replace --beside).`,
  )
}
