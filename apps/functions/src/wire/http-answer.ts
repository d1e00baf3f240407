// What an HTTP endpoint's answer means to the call of a function. Pure.
import type { HttpResult } from './http-targets.ts'

export interface HttpAnswer {
  readonly status: number
  /** The header `X-Amz-Function-Error`. */
  readonly functionError: string | undefined
  /** Undefined: it is too large. */
  readonly body: string | undefined
}

/** Words of what stands before an endpoint, or of one that has no room: the function was not called, or nothing is known of the call. */
const BUSY = new Set([408, 425, 429, 502, 503, 504])

/** Characters of an answer that an error shows. */
const SHOWN = 200

/** The path of AWS' Runtime Interface Emulator. */
export function isEmulator({ pathname }: URL): boolean {
  return /^\/2015-03-31\/functions\/[^/]+\/invocations\/?$/.test(pathname)
}

/** The result of a call whose endpoint answered. */
export function resultOf({ status, functionError, body }: HttpAnswer, url: URL): HttpResult {
  if (body === undefined) {
    return failed(
      'Function.ResponseSizeTooLarge',
      'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
    )
  }
  const told = errorIn(body)
  if (functionError !== undefined) return told ?? failed('Unhandled', shown(body))
  if (isEmulator(url)) return ofEmulator(status, body, told)
  if (status >= 200 && status < 300) return { ok: true, json: body.trim() === '' ? 'null' : body }
  if (BUSY.has(status)) {
    return failed(
      status === 429 ? 'TooManyRequestsException' : 'ServiceException',
      answered(url, status, body),
      true,
    )
  }
  if (status >= 300 && status < 400) {
    return failed(
      `Function.HttpStatus${status}`,
      `${answered(url, status, body)}: it redirects, which is not followed. Name the url that takes the event.`,
    )
  }
  return told ?? failed(`Function.HttpStatus${status}`, answered(url, status, body))
}

/** The emulator answers 200 to a function's error, 400 while it has another call, and 502 where the function's process ended. */
function ofEmulator(status: number, body: string, told: HttpResult | undefined): HttpResult {
  if (/^Task timed out after [\d.]+ seconds$/.test(body.trim()))
    return failed('Sandbox.Timedout', body.trim())
  if (told !== undefined) return told
  if (status === 200) return { ok: true, json: body.trim() === '' ? 'null' : body }
  return failed(
    'ServiceException',
    `The emulator answered ${status}${body === '' ? '' : `: ${shown(body)}`}. It is called again.`,
    true,
  )
}

/** A function's error as Lambda writes it, where this is one. */
function errorIn(body: string): HttpResult | undefined {
  if (!body.startsWith('{') || !body.includes('"errorMessage"')) return undefined
  try {
    const { errorType, errorMessage, stackTrace, trace, ...rest } = JSON.parse(body) as Record<
      string,
      unknown
    >
    const isAnswer = Object.keys(rest).some((name) => name !== 'requestId' && name !== 'cause')
    if (isAnswer || typeof errorMessage !== 'string') return undefined
    const frames = Array.isArray(stackTrace) ? stackTrace : Array.isArray(trace) ? trace : undefined
    return {
      ok: false,
      error: {
        errorType: typeof errorType === 'string' ? errorType : 'Unhandled',
        errorMessage,
        ...(frames !== undefined && { stackTrace: frames.map(String) }),
      },
    }
  } catch {
    return undefined
  }
}

function failed(errorType: string, errorMessage: string, isThrottle = false): HttpResult {
  return { ok: false, error: { errorType, errorMessage, ...(isThrottle && { isThrottle }) } }
}

function answered(url: URL, status: number, body: string): string {
  return `The endpoint ${url.origin}${url.pathname} answered ${status}${body.trim() === '' ? '' : `: ${shown(body)}`}`
}

function shown(body: string): string {
  return body.length <= SHOWN ? body : `${body.slice(0, SHOWN)}…`
}
