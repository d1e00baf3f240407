// Calls the function of a transform: one of the app functions, by the documents in which its copies say where they take calls, or an
// endpoint of the user's by its url. Runs in the app. Says apart whether the function has failed, or was not reached.
import { invocationUrl, liveFunctionEndpoints, type FunctionEndpoint } from 'millrace/protocol'

export interface FunctionCaller {
  /**
   * Returns the function's answer as text. Throws a `FunctionFailure` where the function was called and failed, a
   * `FunctionUnreached` where it was not: then nothing is known of the records.
   */
  call(name: string, payload: Uint8Array, signal: AbortSignal): Promise<string>
}

/** The function was called, and has failed. In Firehose's words. */
export class FunctionFailure extends Error {
  override readonly name = 'FunctionFailure'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** The function was not called. It is called again, as long as that takes. */
export class FunctionUnreached extends Error {
  override readonly name = 'FunctionUnreached'
}

type Fetch = (
  url: string,
  init: RequestInit & { readonly body: Uint8Array<ArrayBuffer> },
) => Promise<Response>

/** The rim: what a test replaces. */
export interface FunctionCallerRim {
  readonly fetch: Fetch
  /** For the ports of the app functions, which may show certificates of the broker's own authority. */
  readonly fetchPort: Fetch
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Copies of the app functions that have announced themselves. */
  readonly endpoints: () => Iterable<FunctionEndpoint>
  /** A call without an answer is given up after so long. */
  readonly timeoutMs?: number
}

/** Lambda's bound of an answer, and of a request. */
export const PAYLOAD_BYTES_MAX = 6 * 2 ** 20

/** A function runs for five minutes at most. */
const TIMEOUT_MS = 310_000

const SHOWN_MAX = 300

/** Returns what calls functions by name or url. */
export function httpCaller(rim: FunctionCallerRim): FunctionCaller {
  let calls = 0
  return {
    call: async (name, payload, signal) => {
      if (isUrl(name)) return called(rim, { url: name, fetch: rim.fetch }, payload, signal)
      const live = inOneOrder(liveFunctionEndpoints(rim.endpoints(), rim.now()))
      if (live.length === 0) {
        throw new FunctionUnreached(
          `The function ${name} cannot be called: no copy of the app functions runs. Start it by: millrace function serve`,
        )
      }
      // Copies take turns.
      const endpoint = live[calls++ % live.length]!
      const { href: url } = invocationUrl(endpoint, name)
      return called(rim, { url, fetch: rim.fetchPort, secret: endpoint.secret }, payload, signal)
    },
  }
}

/** True for the url of an endpoint, false for the name of a function. */
export function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name)
}

function inOneOrder(endpoints: readonly FunctionEndpoint[]): readonly FunctionEndpoint[] {
  return endpoints.toSorted((a, b) => (a.url < b.url ? -1 : 1))
}

interface Target {
  readonly url: string
  readonly fetch: Fetch
  readonly secret?: string
}

async function called(
  { timeoutMs = TIMEOUT_MS }: FunctionCallerRim,
  { url, fetch, secret }: Target,
  payload: Uint8Array,
  signal: AbortSignal,
): Promise<string> {
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-amz-invocation-type': 'RequestResponse',
        ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      },
      body: payload as Uint8Array<ArrayBuffer>,
      redirect: 'error',
      signal: AbortSignal.any([signal, timeout]),
    })
    return judged(response, await boundedText(response))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof FunctionFailure || error instanceof FunctionUnreached) throw error
    if (timeout.aborted) {
      throw new FunctionFailure(
        'Lambda.FunctionTimedOut',
        `The function has not answered after ${timeoutMs / 1000} s.`,
      )
    }
    const { message, cause } = error as Error
    const reason = cause instanceof Error ? cause.message : message
    throw new FunctionUnreached(`The function cannot be reached at ${shownUrl(url)}: ${reason}`)
  }
}

function judged({ status, headers }: Response, text: string): string {
  if (status >= 200 && status < 300) {
    if (!headers.has('x-amz-function-error')) return text
    throw new FunctionFailure('Lambda.FunctionError', `The function has failed: ${errorText(text)}`)
  }
  const said = `The call of the function was answered with status ${status}: ${errorText(text)}`
  // The function's own endpoint may answer 500 for a failure of the function: it counts. What stands before it does not.
  if (status === 500) throw new FunctionFailure('Lambda.FunctionError', said)
  if (status === 413) throw new FunctionFailure('Lambda.RequestTooLarge', said)
  throw new FunctionUnreached(said)
}

/** Reads an answer as far as it may go. */
async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    // Leaving the loop ends the connection.
    if (bytes > PAYLOAD_BYTES_MAX) {
      throw new FunctionFailure(
        'Lambda.ResponseTooLarge',
        `The function's answer has more than ${PAYLOAD_BYTES_MAX} bytes.`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** What a failed function says: Lambda's `errorMessage`, or the beginning of whatever it is. */
function errorText(text: string): string {
  try {
    const { errorType, errorMessage, message } = JSON.parse(text) as Record<string, unknown>
    const said = [errorType, errorMessage ?? message].filter((part) => typeof part === 'string').join(': ')
    if (said !== '') return said.slice(0, SHOWN_MAX)
  } catch {
    // Not Lambda's shape: shown as it is.
  }
  return text.slice(0, SHOWN_MAX)
}

/** A url without what may be secret in it. */
function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
