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
  [
    /^IO Error: (No files found|Cannot open file|Could not read)|CSV Error|sniffing file|in file "|Parquet file|magic bytes/,
    'file',
  ],
  [/^(Conversion|Invalid Input|Out of Range) Error/, 'convert'],
  // Where nothing can go to the disk any more, the memory does not suffice either.
  [/No space left|max_temp_directory_size/i, 'full'],
  [/^Out of Memory Error/, 'memory'],
  [/^INTERRUPT Error/, 'interrupted'],
]

/** Returns the fault of an error of DuckDB. Its first line says what is wrong, and of which file; the rest shows where. */
export function engineFault(error: unknown): EngineFault {
  const message = error instanceof Error ? error.message : String(error)
  const code = codes.find(([pattern]) => pattern.test(message))?.[1] ?? 'other'
  const file = /^ *file ?= ?(.+)$/m.exec(message)?.[1]
  const named = code === 'file' && file !== undefined ? message.replace(/$/m, ` (${file})`) : message
  return new EngineFault(code, named.trimEnd(), { cause: error })
}
