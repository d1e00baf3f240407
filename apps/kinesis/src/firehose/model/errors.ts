// Errors of the Firehose API beside those of every request to the port: name and status. Pure.
import { ApiError } from '../../model/errors.ts'

export const firehoseErrors = {
  ConcurrentModificationException: { status: 400 },
  InvalidArgumentException: { status: 400 },
  InvalidKMSResourceException: { status: 400 },
  InvalidSourceException: { status: 400 },
  LimitExceededException: { status: 400 },
  ResourceInUseException: { status: 400 },
  ResourceNotFoundException: { status: 400 },
  ServiceUnavailableException: { status: 503 },
  // Of every request, whatever the operation.
  AccessDeniedException: { status: 400 },
  InternalFailure: { status: 500 },
} as const satisfies Record<string, { readonly status: number }>

export type FirehoseErrorName = keyof typeof firehoseErrors

export class FirehoseError extends ApiError<FirehoseErrorName> {
  override readonly name = 'FirehoseError'
}

/** Refuses what a request asks for. */
export function invalid(message: string): FirehoseError {
  return new FirehoseError('InvalidArgumentException', message)
}
