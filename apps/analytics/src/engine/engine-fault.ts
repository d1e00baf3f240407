// What DuckDB refuses, by what its user can do about it. Pure.

export type EngineFaultCode =
  'parse' | 'bind' | 'convert' | 'file' | 'memory' | 'full' | 'interrupted' | 'other'

/** A statement that DuckDB has not carried out. */
export class EngineFault extends Error {
  override readonly name = 'EngineFault'
  readonly code: EngineFaultCode

  constructor(code: EngineFaultCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** How messages of DuckDB begin. What is left out is `other`. */
const codes: readonly (readonly [RegExp, EngineFaultCode])[] = [
  [/^Parser Error/, 'parse'],
  [/^(Binder|Catalog) Error/, 'bind'],
  [/^(Conversion|Invalid Input|Out of Range) Error/, 'convert'],
  [/^Out of Memory Error/, 'memory'],
  [/No space left|max_temp_directory_size/i, 'full'],
  [/^INTERRUPT Error/, 'interrupted'],
]

/** Returns the fault of an error of DuckDB. Its first line says what is wrong; the rest shows where. */
export function engineFault(error: unknown): EngineFault {
  const message = error instanceof Error ? error.message : String(error)
  const code = codes.find(([pattern]) => pattern.test(message))?.[1] ?? 'other'
  return new EngineFault(code, message.trimEnd(), { cause: error })
}
