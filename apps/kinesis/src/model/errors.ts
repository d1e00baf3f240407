// Errors of the API: the names that clients tell apart, with the status that each is answered with. Pure.

/** `fault`: who has to change something, as SDKs ask to decide about retries. */
export const errors = {
  AccessDeniedException: { status: 400 },
  DryRunOperationException: { status: 400 },
  ExpiredIteratorException: { status: 400 },
  ExpiredNextTokenException: { status: 400 },
  InternalFailureException: { status: 500 },
  InvalidArgumentException: { status: 400 },
  KMSAccessDeniedException: { status: 400 },
  KMSDisabledException: { status: 400 },
  KMSInvalidStateException: { status: 400 },
  KMSNotFoundException: { status: 400 },
  KMSOptInRequired: { status: 400 },
  KMSThrottlingException: { status: 400 },
  LimitExceededException: { status: 400 },
  ProvisionedThroughputExceededException: { status: 400 },
  ResourceInUseException: { status: 400 },
  ResourceNotFoundException: { status: 400 },
  ValidationException: { status: 400 },
  // Of every request, whatever the operation.
  IncompleteSignatureException: { status: 400 },
  InvalidSignatureException: { status: 400 },
  MissingAuthenticationTokenException: { status: 400 },
  RequestEntityTooLargeException: { status: 413 },
  SerializationException: { status: 400 },
  ServiceUnavailableException: { status: 503 },
  UnknownOperationException: { status: 400 },
  UnrecognizedClientException: { status: 400 },
} as const satisfies Record<string, { readonly status: number }>

export type ErrorName = keyof typeof errors

/** An error of one of the port's APIs, which is answered to the client as it is. */
export abstract class ApiError<Code extends string> extends Error {
  readonly code: Code

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export class KinesisError extends ApiError<ErrorName> {
  override readonly name = 'KinesisError'
}
