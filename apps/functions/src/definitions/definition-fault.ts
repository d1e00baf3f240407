// What is wrong with a definition, or with what is asked of one. Runs anywhere, pure.

/**
 * `invalid`: the value at `place` cannot be used. `exists`, `missing`: there is such a function, mapping or stream already, or none.
 * `inUse`: mappings use the function.
 */
export type DefinitionFaultCode = 'invalid' | 'exists' | 'missing' | 'inUse'

/** A refusal, as a sentence that names its place. */
export class DefinitionFault extends Error {
  readonly code: DefinitionFaultCode
  /** For example `batchSize`, or `filters[0].data.price[1]`; empty where it is about the whole. */
  readonly place: string

  constructor(code: DefinitionFaultCode, place: string, message: string) {
    super(place === '' ? message : `${place} ${message}`)
    this.name = 'DefinitionFault'
    this.code = code
    this.place = place
  }
}
