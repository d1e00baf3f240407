// What an endpoint has answered, by Firehose's protocol: only status 200 with the request's id means that it has taken the records. Pure.

/** Why an attempt failed, in Firehose's words. */
export interface HttpFailure {
  readonly code: string
  readonly message: string
  /** Trying again would do the same. */
  readonly isPermanent: boolean
}

/** An answer as it came. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Pick<Headers, 'get'>
  /** Undefined: it was larger than an answer may be. */
  readonly body: string | undefined
}

/** Bytes of an answer at most. */
export const ANSWER_BYTES_MAX = 1024 * 1024
const SHOWN_MAX = 300

/** Judges an answer; undefined: the records are taken. */
export function failureOf({ status, headers, body }: HttpAnswer, requestId: string): HttpFailure | undefined {
  if (status === 413) {
    return permanent(
      'HttpEndpoint.DestinationException',
      `The endpoint says that the request is too large (413)${said(body)}.`,
    )
  }
  if (body === undefined) {
    return failing('HttpEndpoint.ResponseTooLarge', `The answer is larger than ${ANSWER_BYTES_MAX} bytes.`)
  }
  if (status >= 300 && status < 400) {
    return failing(
      'HttpEndpoint.DestinationException',
      `The endpoint redirects (${status}), which is not followed: give the delivery the url that it redirects to.`,
    )
  }
  if (status !== 200) {
    return failing(
      'HttpEndpoint.DestinationException',
      `The endpoint answers with status ${status}${said(body)}.`,
    )
  }
  const flaw = headersFlaw(headers) ?? bodyFlaw(body, requestId)
  return flaw === undefined
    ? undefined
    : failing('HttpEndpoint.InvalidResponseFromDestination', `The answer ${flaw}`)
}

/** What is wrong with the headers of an answer of status 200: Firehose takes no other. */
function headersFlaw(headers: Pick<Headers, 'get'>): string | undefined {
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    return `is compressed (content-encoding: ${encoding}): it must not be.`
  }
  const type = headers.get('content-type')
  if (type === null || !/^application\/json\s*(;|$)/i.test(type)) {
    return `has the content-type ${type ?? 'of nothing'}: it must be application/json.`
  }
  if (headers.get('content-length') === null) return 'has no content-length: it must have one.'
  return undefined
}

/** What is wrong with the body of an answer of status 200. */
function bodyFlaw(body: string, requestId: string): string | undefined {
  const invalid = (what: string): string => `${what}: ${shown(body)}`
  const answer = objectOf(body)
  if (answer === undefined) return invalid('is no JSON object')
  if (answer['requestId'] !== requestId) return invalid(`does not have the requestId ${requestId}`)
  if (!Number.isSafeInteger(answer['timestamp'])) return invalid('has no timestamp in milliseconds')
  return undefined
}

/** The failure of an attempt that got no answer. */
export function connectionFailure(error: unknown, isTimeout: boolean): HttpFailure {
  if (isTimeout) return failing('HttpEndpoint.RequestTimeout', 'The endpoint has not answered in time.')
  const { code, message } = causeOf(error)
  return code === 'ECONNRESET' || code === 'UND_ERR_SOCKET' || code === 'EPIPE'
    ? failing('HttpEndpoint.ConnectionReset', `The endpoint has closed the connection (${code}).`)
    : failing('HttpEndpoint.ConnectionFailed', `The endpoint cannot be reached (${code ?? message}).`)
}

function causeOf(error: unknown): { readonly code?: string; readonly message: string } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const { code } = cause as NodeJS.ErrnoException
  const message = cause instanceof Error ? cause.message : String(cause)
  return { message, ...(typeof code === 'string' && { code }) }
}

const failing = (code: string, message: string): HttpFailure => ({ code, message, isPermanent: false })
const permanent = (code: string, message: string): HttpFailure => ({ code, message, isPermanent: true })

function said(body: string | undefined): string {
  if (body === undefined || body.trim() === '') return ''
  const text = objectOf(body)?.['errorMessage']
  return `: ${shown(typeof text === 'string' ? text : body)}`
}

const shown = (text: string): string => (text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text)

function objectOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}
