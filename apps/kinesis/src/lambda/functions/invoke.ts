// Invoke: a call of a function goes to a copy of the app that runs it, and its answer comes back as it is. Runs in the endpoint. Who may read
// the document in which a copy says where it takes calls, may call functions: natively it is the same.
import { functionKinds, liveFunctionEndpoints, type FunctionEndpoint } from 'millrace/protocol'
import { PortUnreached, type FunctionPortAnswer } from '../../wire/function-port.ts'
import type { LambdaCall } from '../lambda-call.ts'
import type { LambdaParts } from '../lambda-parts.ts'
import { invalidParameter, LambdaError, lambdaErrors, type LambdaErrorName } from '../model/errors.ts'
import type { LambdaOutput } from '../model/operations.ts'

type InvokeCall = LambdaCall<'Invoke'>

/** From here on a status is one of a refusal. */
const REFUSED = 300

export async function invoke(
  parts: LambdaParts,
  call: InvokeCall,
  name: string,
): Promise<LambdaOutput<'Invoke'>> {
  const { InvocationType, LogType, Payload, DurableExecutionName, TenantId } = call.input
  if (DurableExecutionName !== undefined) {
    throw invalidParameter('DurableExecutionName: there are no durable functions at this endpoint.')
  }
  if (TenantId !== undefined) throw invalidParameter('TenantId: functions of this endpoint have no tenants.')
  const answer = await called(parts, call, {
    name,
    payload: Payload ?? new Uint8Array(),
    headers: {
      ...(InvocationType !== undefined && { 'x-amz-invocation-type': InvocationType }),
      ...(LogType !== undefined && { 'x-amz-log-type': LogType }),
    },
  })
  const { status, header, body } = answer
  if (status >= REFUSED) throw refusalOf(answer)
  return {
    StatusCode: status,
    FunctionError: header('x-amz-function-error'),
    LogResult: header('x-amz-log-result'),
    ExecutedVersion: header('x-amz-executed-version'),
    Payload: body,
  }
}

/** A copy that cannot be reached has not been called: the next one is. */
async function called(
  parts: LambdaParts,
  call: InvokeCall,
  request: {
    readonly name: string
    readonly payload: Uint8Array
    readonly headers: Readonly<Record<string, string>>
  },
): Promise<FunctionPortAnswer> {
  let failure: unknown
  for (const endpoint of await endpointsFor(parts, call)) {
    try {
      return await parts.functionPort(endpoint, { ...request, signal: call.signal })
    } catch (error) {
      failure = error
      if (!(error instanceof PortUnreached)) break
    }
  }
  throw new LambdaError(
    'ServiceException',
    'The app that runs functions cannot be reached, or has not answered.',
    { cause: failure },
  )
}

/** The copies that live, the one that was heard of last first. */
async function endpointsFor(
  { own, now, documents }: LambdaParts,
  call: InvokeCall,
): Promise<readonly FunctionEndpoint[]> {
  const copies = new Map<FunctionEndpoint, string>()
  const announced = own.documents<FunctionEndpoint>(functionKinds.endpoints)
  for await (const { name: copy, value: endpoint } of announced.list()) copies.set(endpoint, copy)
  const live = liveFunctionEndpoints(copies.keys(), now())
  const [first] = live
  if (first === undefined) {
    throw new LambdaError(
      'ServiceException',
      'Nobody runs functions: start the daemon by `millrace serve --with functions,kinesis`, or run `millrace function serve`.',
    )
  }
  const seen = await call.caller.client
    .documents<FunctionEndpoint>(functionKinds.endpoints)
    .get(copies.get(first)!)
  if (seen === undefined) throw documents.denied(call, `function:${call.input.FunctionName}`)
  return live
}

/** The app's refusal, as it is where it is one of Lambda's. */
function refusalOf({ status, header, body }: FunctionPortAnswer): LambdaError {
  const code = header('x-amzn-errortype') ?? ''
  const message = messageIn(body)
  // The endpoint's own secret is no caller's: a copy that does not take it is being replaced.
  if (isCode(code) && code !== 'AccessDeniedException') return new LambdaError(code, message)
  const cause = new Error(`the app functions answered with the status ${status}: ${message}`)
  return new LambdaError('ServiceException', 'The app that runs functions refused the call.', { cause })
}

function isCode(code: string): code is LambdaErrorName {
  return Object.hasOwn(lambdaErrors, code)
}

function messageIn(body: Uint8Array): string {
  try {
    const { message } = JSON.parse(Buffer.from(body).toString()) as { readonly message?: unknown }
    return typeof message === 'string' ? message : ''
  } catch {
    return ''
  }
}
