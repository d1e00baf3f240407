// Errors of the Lambda API beside those of every request to the port: name and status. Pure.
import { ApiError } from '../../model/errors.ts'

export const lambdaErrors = {
  AccessDeniedException: { status: 403 },
  InvalidParameterValueException: { status: 400 },
  InvalidRequestContentException: { status: 400 },
  RequestTooLargeException: { status: 413 },
  ResourceConflictException: { status: 409 },
  ResourceInUseException: { status: 400 },
  ResourceNotFoundException: { status: 404 },
  ServiceException: { status: 500 },
  TooManyRequestsException: { status: 429 },
} as const satisfies Record<string, { readonly status: number }>

export type LambdaErrorName = keyof typeof lambdaErrors

export class LambdaError extends ApiError<LambdaErrorName> {
  override readonly name = 'LambdaError'
}

/** Refuses what a request asks for. */
export function invalidParameter(message: string): LambdaError {
  return new LambdaError('InvalidParameterValueException', message)
}
