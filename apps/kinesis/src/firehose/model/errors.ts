// Errors of the Firehose API beside those of every request to the port: name and status. Pure.

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

/** An error that is answered to the client as it is. */
export class FirehoseError extends Error {
  override readonly name = 'FirehoseError'
  readonly code: FirehoseErrorName

  constructor(code: FirehoseErrorName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Refuses what a request asks for. */
export function invalid(message: string): FirehoseError {
  return new FirehoseError('InvalidArgumentException', message)
}
