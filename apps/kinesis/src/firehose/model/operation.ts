// What an operation of the Firehose API is, as a row of its table. Pure types.
import type { Operation } from '../../model/operations/operation.ts'
import type { FirehoseErrorName } from './errors.ts'

export interface FirehoseOperation extends Omit<Operation, 'plane' | 'errors'> {
  /** Errors that the model declares for it, beside those of every request. */
  readonly errors: readonly FirehoseErrorName[]
}

export type FirehoseFamily = Readonly<Record<string, FirehoseOperation>>
