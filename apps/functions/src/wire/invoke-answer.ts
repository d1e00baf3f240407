// The answer to a call that came to a function. Pure.
import type { CallOutcome } from '../runtime/functions.ts'
import { refusals, type WireAnswer } from './invoke-error.ts'

/** Lambda's answer. Fails with Refusal where the function was not called. */
export function callAnswer(
  { requestId, result }: CallOutcome,
  logTail: string | undefined,
  arn: string,
): WireAnswer {
  if (!result.ok && result.error.isThrottle === true) throw refusalOf(result.error, arn)
  const headers = {
    'content-type': 'application/json',
    'x-amzn-requestid': requestId,
    'x-amz-executed-version': '$LATEST',
    ...(!result.ok && { 'x-amz-function-error': 'Unhandled' }),
    ...(logTail !== undefined && { 'x-amz-log-result': logTail }),
  }
  if (result.ok) return { status: 200, headers, body: result.json }
  const { errorType, errorMessage, stackTrace } = result.error
  return { status: 200, headers, body: JSON.stringify({ errorType, errorMessage, trace: stackTrace ?? [] }) }
}

function refusalOf(
  { errorType, errorMessage }: { readonly errorType: string; readonly errorMessage: string },
  arn: string,
): Error {
  if (errorType === 'TooManyRequestsException') return refusals.tooMany(errorMessage)
  return errorType === 'ResourceNotFoundException'
    ? refusals.notFound(arn)
    : refusals.unavailable(errorMessage)
}
