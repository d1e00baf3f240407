// Errors of the lease tables' API. Pure.
import type { Item } from './attribute-value.ts'

/** Name → status. */
export const dynamoErrors = {
  AccessDeniedException: 400,
  ConditionalCheckFailedException: 400,
  InternalServerError: 500,
  ItemCollectionSizeLimitExceededException: 400,
  LimitExceededException: 400,
  ResourceInUseException: 400,
  ResourceNotFoundException: 400,
  SerializationException: 400,
  TransactionCanceledException: 400,
  TransactionConflictException: 400,
  UnknownOperationException: 400,
  ValidationException: 400,
} as const

export type DynamoErrorName = keyof typeof dynamoErrors

/** Why one write of a transaction was not done. */
export interface CancellationReason {
  readonly Code: string
  readonly Message?: string
  readonly Item?: Item
}

/** Members of an error beside its name and its text. */
export interface DynamoErrorDetails {
  readonly Item?: Item
  readonly CancellationReasons?: readonly CancellationReason[]
}

export class DynamoError extends Error {
  override readonly name = 'DynamoError'
  readonly code: DynamoErrorName
  readonly details: DynamoErrorDetails

  constructor(code: DynamoErrorName, message: string, details: DynamoErrorDetails = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

export function invalid(message: string): DynamoError {
  return new DynamoError('ValidationException', message)
}

export function conditionFailed(item: Item | undefined): DynamoError {
  return new DynamoError(
    'ConditionalCheckFailedException',
    'The conditional request failed',
    item === undefined ? {} : { Item: item },
  )
}
