// Functions that are HTTP endpoints: a POST of the event's JSON, over connections that are kept. Runs in the app. An endpoint is a plain
// url, or AWS' Runtime Interface Emulator, which has a container's function behind it and answers in ways of its own.
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { FunctionDefinition } from 'millrace/protocol'
import { kinesisEventJson } from '../events/kinesis-event.ts'
import type { InvocationError, InvocationEvent } from '../invocation.ts'
import { EndpointLine, StillCalled } from './endpoint-line.ts'
import { isEmulator, resultOf, type HttpAnswer } from './http-answer.ts'

export const httpTargetLimits = {
  /** Calls of one function under way, and connections of each endpoint. An emulator takes one call at a time. */
  callsMax: 64,
  /** Calls of one function that wait. */
  waitingMax: 1000,
  /** Endpoints that are known; of more, those that nobody calls are forgotten. */
  linesMax: 1000,
  /** Bytes of an answer: Lambda's. */
  answerBytesMax: 6 * 1024 * 1024 + 100,
  /** How long a connection is kept without a call. */
  idleMs: 30_000,
} as const

export type HttpTargetLimits = { readonly [N in keyof typeof httpTargetLimits]: number }

export interface HttpCall {
  readonly name: string
  readonly requestId: string
  readonly event: InvocationEvent
  readonly definition: FunctionDefinition
  readonly signal?: AbortSignal | undefined
}

export type HttpResult =
  { readonly ok: true; readonly json: string } | { readonly ok: false; readonly error: InvocationError }

/** A whole request. */
interface Asked {
  readonly url: URL
  readonly payload: Uint8Array
  readonly name: string
  readonly requestId: string
  /** The call is given up. */
  readonly ended: AbortSignal
  /** Ends the connection then; otherwise the endpoint is heard out. */
  readonly isCut: boolean
}

export class HttpTargets {
  readonly #limits: HttpTargetLimits
  readonly #http: HttpAgent
  readonly #https: HttpsAgent
  readonly #lines = new Map<string, EndpointLine>()

  constructor(limits: HttpTargetLimits = httpTargetLimits) {
    this.#limits = limits
    const options = { keepAlive: true, maxSockets: limits.callsMax, timeout: limits.idleMs }
    this.#http = new HttpAgent(options)
    this.#https = new HttpsAgent(options)
  }

  /** Calls an endpoint. Rejects with NoRoom where too many calls wait, and with the reason of the signal. */
  async call({ name, requestId, event, definition, signal }: HttpCall): Promise<HttpResult> {
    const { target, timeoutMs } = definition
    if (target.type !== 'http') throw new Error(`${name} is no endpoint`)
    const url = new URL(target.url)
    const line = this.#lineOf(name, url)
    try {
      await line.take(signal)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof StillCalled) return { ok: false, error: stillCalled(url, error) }
      throw error
    }
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), timeoutMs)
    const ended = signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal])
    const payload = event.kind === 'json' ? event.payload : kinesisEventJson(event.batch)
    let isOver = false
    const asked = this.#ask({ url, payload, name, requestId, ended, isCut: !line.isExclusive }).finally(
      () => {
        isOver = true
        line.free()
      },
    )
    try {
      return resultOf(await unlessAborted(asked, ended), url)
    } catch (error) {
      if (!isOver && line.isExclusive) line.giveUp(requestId)
      signal?.throwIfAborted()
      return {
        ok: false,
        error: timeout.signal.aborted ? timedOut(requestId, timeoutMs) : unreachable(url, error),
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the connections. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  #lineOf(name: string, url: URL): EndpointLine {
    // Of an emulator, whoever calls it waits in one line.
    const isOne = isEmulator(url)
    const key = isOne ? url.origin : `${name} ${url.href}`
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    if (this.#lines.size >= this.#limits.linesMax) {
      for (const [other, line] of this.#lines) if (line.isIdle) this.#lines.delete(other)
    }
    const line = new EndpointLine(isOne ? 1 : this.#limits.callsMax, this.#limits.waitingMax)
    this.#lines.set(key, line)
    return line
  }

  #ask(asked: Asked): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const { url, payload, name, requestId, ended, isCut } = asked
      const isTls = url.protocol === 'https:'
      const options = {
        method: 'POST',
        agent: isTls ? this.#https : this.#http,
        ...(isCut && { signal: ended }),
        headers: {
          'content-type': 'application/json',
          'content-length': payload.length,
          'x-amzn-requestid': requestId,
          'x-millrace-function': name,
        },
      }
      const request = isTls ? requestHttps(url, options) : requestHttp(url, options)
      request.on('response', (response) => {
        this.#read(response).then(resolve, reject)
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The endpoint ended a kept connection in the same moment: it has not seen the call.
        const wasIdle = request.reusedSocket && error.code === 'ECONNRESET'
        if (wasIdle && !ended.aborted) this.#ask(asked).then(resolve, reject)
        else reject(error)
      })
      request.end(payload)
    })
  }

  async #read(response: IncomingMessage): Promise<HttpAnswer> {
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of response as AsyncIterable<Buffer>) {
      bytes += piece.length
      // Leaving the loop ends the connection.
      if (bytes > this.#limits.answerBytesMax) return { ...headOf(response), body: undefined }
      pieces.push(piece)
    }
    return { ...headOf(response), body: Buffer.concat(pieces).toString('utf8') }
  }
}

function headOf({ statusCode = 0, headers }: IncomingMessage): Omit<HttpAnswer, 'body'> {
  const functionError = headers['x-amz-function-error']
  return { status: statusCode, functionError: typeof functionError === 'string' ? functionError : undefined }
}

function timedOut(requestId: string, timeoutMs: number): InvocationError {
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
  }
}

/** The function was not called. */
function stillCalled(url: URL, { message }: StillCalled): InvocationError {
  return {
    errorType: 'ServiceException',
    errorMessage: `The endpoint ${url.origin} has no room. ${message}`,
    isThrottle: true,
  }
}

/** Nothing is known of the call: it counts as none. */
function unreachable(url: URL, error: unknown): InvocationError {
  const { code, message } = error as NodeJS.ErrnoException
  return {
    errorType: 'ServiceException',
    errorMessage: `The endpoint ${url.origin} cannot be reached: ${code === undefined ? message : `${code} (${message})`}. It is called again.`,
    isThrottle: true,
  }
}

/** What the work comes to, or a rejection with the reason of the signal, whichever is first. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
