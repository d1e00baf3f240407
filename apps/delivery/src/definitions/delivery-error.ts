// What is wrong with a delivery as somebody wants it: the sentence of every door to deliveries. Pure.

/** One thing that is wrong: where, in the words of the definition, and a sentence. */
export interface DefinitionFault {
  readonly place: string
  readonly message: string
}

export type DeliveryErrorCode = 'invalid' | 'notFound' | 'exists' | 'unchangeable'

export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  readonly code: DeliveryErrorCode
  readonly faults: readonly DefinitionFault[]

  constructor(code: DeliveryErrorCode, message: string, faults: readonly DefinitionFault[] = []) {
    super(message)
    this.code = code
    this.faults = faults
  }
}

/** Returns the error of a definition with faults; undefined for none. */
export function refusal(faults: readonly DefinitionFault[]): DeliveryError | undefined {
  if (faults.length === 0) return undefined
  return new DeliveryError('invalid', faults.map(({ message }) => message).join(' '), faults)
}
