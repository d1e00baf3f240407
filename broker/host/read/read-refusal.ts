// The reason why a read of stored records failed, as a value. Fetches and subscriptions each send it in their own way. Host
// main thread, pure.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { UniversalError } from '../../../protocol/refusal.ts'
import type { Damage } from '../../../protocol/structs.ts'

/** Error codes of reads, beside those of all operations. */
const readErrors = ['shardNotFound', 'trimmed', 'corruptData'] as const satisfies readonly ErrorCode[]
/** Error codes of storage, and of the calls to it, that are handed on to the client. */
const passedOn = ['unavailable', 'overloaded', 'outcomeUnknown'] as const satisfies readonly UniversalError[]

export interface ReadRefusal {
  readonly code: (typeof readErrors)[number] | UniversalError
  readonly message: string
  /** With corruptData: which records cannot be read, if that is known. */
  readonly damage?: Damage
}

/** Returns the refusal for an error of a read of storage; undefined for an unexpected error. Throws a broken invariant on. */
export function readRefusalOf(error: unknown): ReadRefusal | undefined {
  if (error instanceof InvariantError) throw error
  if (!MillraceError.is(error)) return undefined
  const code = [...readErrors, ...passedOn].find((known) => known === error.code)
  return code === undefined ? undefined : { code, message: error.message }
}
