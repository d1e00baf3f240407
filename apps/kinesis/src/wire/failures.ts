// Which errors of a request are failures of the endpoint or of what stands behind it: they are its operator's to know. Runs in the endpoint.
import type { EndpointLog } from '../parts.ts'
import type { WireRequest } from './api.ts'

/** Statuses from here on are failures of the endpoint or of what stands behind it. */
export const FAILURE_STATUS = 500

interface Served {
  readonly request: WireRequest
  /** What was asked for, as a log names it. */
  readonly what: string
  /** What serving it came to. */
  readonly error: unknown
  /** The error that the client is told: another than `error` where that was none of the API's. */
  readonly told: Error
  readonly status: number
}

/** Logs a failure, unless the client is gone: what it was refused is its own affair. */
export function logFailure(log: EndpointLog, { request, what, error, told, status }: Served): void {
  const isRefusal = told === error
  const isFailure = !isRefusal || (status >= FAILURE_STATUS && told.cause !== undefined)
  if (!isFailure || request.signal.aborted) return
  log({
    level: isRefusal ? 'warn' : 'error',
    message: `${what} failed.`,
    error: isRefusal ? told.cause : error,
    requestId: request.requestId,
  })
}
