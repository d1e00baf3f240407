// Why a read of stored records gave nothing, as a value: each way of reading tells its client in its own manner. Host main
// thread; pure.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { UniversalError } from '../../../protocol/refusal.ts'
import type { Damage } from '../../../protocol/structs.ts'

/** What a client that reads may be told, beside what any may be. */
const readErrors = ['shardNotFound', 'trimmed', 'corruptData'] as const satisfies readonly ErrorCode[]
/** What storage and the seams before it fail with in good order. */
const passedOn = ['unavailable', 'overloaded', 'outcomeUnknown'] as const satisfies readonly UniversalError[]

export interface ReadRefusal {
  readonly code: (typeof readErrors)[number] | UniversalError
  readonly message: string
  /** With corruptData: which records cannot be read, where that is known. */
  readonly damage?: Damage
}

/** The refusal in what a read of storage threw; undefined for what nobody foresaw. A broken invariant is thrown on. */
export function readRefusalOf(error: unknown): ReadRefusal | undefined {
  if (error instanceof InvariantError) throw error
  if (!MillraceError.is(error)) return undefined
  const code = [...readErrors, ...passedOn].find((known) => known === error.code)
  return code === undefined ? undefined : { code, message: error.message }
}
