// How long the handlers of records wait for the broker. Runs in the endpoint.
import { KinesisError } from '../model/errors.ts'

/** SDKs give a request up after ten seconds or more; until then the broker may come back. */
export const ANSWER_TIMEOUT_MS = 8_000

/** What the broker answers; if it does not in time, an error that says that it can be tried again. */
export async function inTime<T>(signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), ANSWER_TIMEOUT_MS)
  try {
    return await ask(AbortSignal.any([signal, late.signal]))
  } catch (error) {
    if (!late.signal.aborted) throw error
    throw new KinesisError('ServiceUnavailableException', 'The broker does not answer.', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
