// The errors of the port where functions are called, as Lambda answers them. Pure.
import type { WireLimits } from './limits.ts'

export interface WireAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A call that is refused before any function runs. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly answer: WireAnswer

  constructor(answer: WireAnswer) {
    super(answer.body)
    this.answer = answer
  }
}

type Extra = Readonly<Record<string, string>>

function refusal(status: number, code: string, message: string, extra: Extra = { Type: 'User' }): Refusal {
  return new Refusal({
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': code },
    // Some of Lambda's errors spell it one way, some the other: clients read both.
    body: JSON.stringify({ ...extra, Message: message, message }),
  })
}

export const refusals = {
  denied: () =>
    refusal(
      403,
      'AccessDeniedException',
      'The call has no valid bearer secret: see the documents of the kind function-endpoints.',
    ),
  noSuchOperation: (method: string, path: string) =>
    refusal(
      404,
      'UnknownOperationException',
      `There is no ${method} ${path}: functions are called by POST /2015-03-31/functions/NAME/invocations.`,
    ),
  notFound: (arn: string) => refusal(404, 'ResourceNotFoundException', `Function not found: ${arn}`),
  notJson: (reason: string) =>
    refusal(400, 'InvalidRequestContentException', `Could not parse request body into json: ${reason}`),
  invalid: (message: string) => refusal(400, 'InvalidParameterValueException', message),
  tooLarge: (bytesMax: WireLimits['bodyBytesMax']) =>
    refusal(
      413,
      'RequestTooLargeException',
      `Request must be smaller than ${bytesMax} bytes for the InvokeFunction operation`,
    ),
  tooMany: (message = 'Rate Exceeded.') =>
    refusal(429, 'TooManyRequestsException', message, {
      Type: 'User',
      Reason: 'ConcurrentInvocationLimitExceeded',
    }),
  unavailable: (message: string) => refusal(502, 'ServiceException', message, { Type: 'Service' }),
} as const
