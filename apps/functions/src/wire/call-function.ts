// Calls a function by the port of a copy of the app, as announced in a document. Runs in the command line, and in programs.
import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { invocationUrl, type FunctionEndpoint } from 'millrace/protocol'

export interface FunctionCall {
  readonly name: string
  /** JSON. */
  readonly payload: string | Uint8Array
  readonly type?: 'RequestResponse' | 'Event' | 'DryRun'
  readonly wantsLog?: boolean
  readonly signal?: AbortSignal
  /** Certificates to trust, in PEM, where the port speaks TLS. */
  readonly ca?: string | Buffer | undefined
}

export interface FunctionReply {
  readonly status: number
  readonly requestId: string | undefined
  /** The function failed: `payload` is its error. */
  readonly isFunctionError: boolean
  readonly payload: string
  /** The last 4 KB of the call's log, where it was wanted. */
  readonly log: string | undefined
}

/** Calls a function. Rejects where the port cannot be reached. */
export async function callFunction(endpoint: FunctionEndpoint, call: FunctionCall): Promise<FunctionReply> {
  const { name, payload, type = 'RequestResponse', wantsLog = false, signal, ca } = call
  const target = invocationUrl(endpoint, name)
  const body = Buffer.from(payload)
  const options = {
    method: 'POST',
    ...(signal !== undefined && { signal }),
    ...(ca !== undefined && { ca }),
    agent: false as const,
    headers: {
      authorization: `Bearer ${endpoint.secret}`,
      'content-type': 'application/json',
      'content-length': body.length,
      'x-amz-invocation-type': type,
      ...(wantsLog && { 'x-amz-log-type': 'Tail' }),
    },
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request =
      target.protocol === 'https:' ? requestHttps(target, options) : requestHttp(target, options)
    request.on('response', resolve).on('error', reject).end(body)
  })
  const pieces: Buffer[] = []
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece)
  const header = (named: string): string | undefined => {
    const value = response.headers[named]
    return typeof value === 'string' ? value : undefined
  }
  const log = header('x-amz-log-result')
  return {
    status: response.statusCode ?? 0,
    requestId: header('x-amzn-requestid'),
    isFunctionError: header('x-amz-function-error') !== undefined,
    payload: Buffer.concat(pieces).toString('utf8'),
    log: log === undefined ? undefined : Buffer.from(log, 'base64').toString('utf8'),
  }
}
