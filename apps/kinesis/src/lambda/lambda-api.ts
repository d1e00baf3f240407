// The Lambda API: event source mappings, calls and descriptions of functions, by REST with JSON. Runs in the endpoint. What is asked for
// becomes documents, which the app functions carries out; calls go to the port of that app.
import { randomUUID } from 'node:crypto'
import { errors as kinesisErrors, KinesisError } from '../model/errors.ts'
import type { EndpointParts } from '../parts.ts'
import type { WholeAnswer } from '../wire/answer.ts'
import type { Api, WireRequest } from '../wire/api.ts'
import { FAILURE_STATUS, logFailure } from '../wire/failures.ts'
import type { FunctionPort } from '../wire/function-port.ts'
import { decodeLambda, encodeLambda } from './codec.ts'
import { functionsHandlers } from './functions/handlers.ts'
import type { LambdaHandler, LambdaHandlers } from './lambda-call.ts'
import type { LambdaParts } from './lambda-parts.ts'
import { LambdaDocuments } from './lambda-documents.ts'
import { mappingsHandlers } from './mappings/handlers.ts'
import { invalidParameter, LambdaError, lambdaErrors } from './model/errors.ts'
import type { LambdaOperationName } from './model/operations.ts'
import { isLambdaPath, routeOf } from './routes.ts'
import { lambdaTagsHandlers } from './tags.ts'

const DENIED = 403
const UNKNOWN = 404

export interface LambdaApiOptions {
  readonly parts: EndpointParts
  readonly functionPort: FunctionPort
}

/** Serves the Lambda API. */
export function lambdaApi({ parts, functionPort }: LambdaApiOptions): Api {
  const { own, settings, log } = parts
  const documents = new LambdaDocuments(own, settings.account)
  const lambda: LambdaParts = { ...parts, documents, functionPort, uuid: randomUUID }
  const handlers: LambdaHandlers = {
    ...mappingsHandlers(lambda),
    ...functionsHandlers(lambda),
    ...lambdaTagsHandlers(lambda),
  }
  return {
    name: 'lambda',
    claims: (head) => isLambdaPath(head.path),
    refuse: refusal,
    serve: async (request) => {
      try {
        return await serveOperation(request, handlers)
      } catch (error) {
        const told = asTold(error)
        const { method, path } = request.head
        logFailure(log, { request, what: `${method} ${path}`, error, told, status: statusOf(told) })
        return refusal(told)
      }
    },
  }
}

async function serveOperation(request: WireRequest, handlers: LambdaHandlers): Promise<WholeAnswer> {
  const { head, requestId } = request
  const { caller, region } = await request.authenticate()
  const route = routeOf(head.method, head.path)
  if (route === undefined) {
    throw new KinesisError(
      'UnknownOperationException',
      `${head.method} ${head.path} is no operation of Lambda that is served here.`,
    )
  }
  const { operation } = route
  if (route.kind === 'elsewhere') {
    throw invalidParameter(`${operation} is not served by this endpoint: use ${route.instead}.`)
  }
  const served = route.operation
  const input = decodeLambda(served, request, route.members)
  const handler = handlers[served] as LambdaHandler<LambdaOperationName>
  const output = await handler({
    operation: served,
    input,
    caller,
    region,
    requestId,
    get signal() {
      return request.signal
    },
  })
  return encodeLambda(served, output)
}

type ToldError = LambdaError | KinesisError

function asTold(error: unknown): ToldError {
  if (error instanceof LambdaError || error instanceof KinesisError) return error
  return new LambdaError('ServiceException', 'An error occurred and the request cannot be processed.', {
    cause: error,
  })
}

/** Lambda answers with 403 where the services of the target header answer with 400. */
const deniedCodes: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
])

function statusOf(error: ToldError): number {
  if (error instanceof LambdaError) return lambdaErrors[error.code].status
  if (error.code === 'UnknownOperationException') return UNKNOWN
  return deniedCodes.has(error.code) ? DENIED : kinesisErrors[error.code].status
}

function refusal(error: ToldError): WholeAnswer {
  const status = statusOf(error)
  const { code, message } = error
  // Some of the service's errors spell it one way, some the other: clients read both.
  const body = { Type: status >= FAILURE_STATUS ? 'Service' : 'User', Message: message, message }
  return {
    status,
    contentType: 'application/json',
    headers: { 'x-amzn-ErrorType': code },
    body: JSON.stringify(body),
  }
}
