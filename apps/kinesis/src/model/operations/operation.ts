// What an operation is, as a row of the table. Pure types.
import type { ErrorName } from '../errors.ts'
import type { StructureShape } from '../shape.ts'

export interface Operation {
  readonly doc: string
  /** Which of the service's planes serves it: excess calls are refused by another error in each. */
  readonly plane: 'control' | 'data'
  /** In the order in which the service lists what is wrong with each, where that is known; later members follow. */
  readonly input: StructureShape
  readonly output: StructureShape
  /** Errors that the model declares for it, beside those of every request. */
  readonly errors: readonly ErrorName[]
  /** Absent: served in full. Otherwise how far, as a sentence of the support table: `Not built: …` where it is refused. */
  readonly support?: string
  /** Parameters that are not, or not quite, what the service does; a sentence each for the support table. */
  readonly notes?: Readonly<Record<string, string>>
}

export type OperationFamily = Readonly<Record<string, Operation>>
