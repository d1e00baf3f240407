// What an answer of a function says of its batch: all is well, all has failed, or from which record on it has failed. Runs in the app, pure.
// The forms are those that Lambda documents for ReportBatchItemFailures and for tumbling windows.
import { parseKinesisSequenceNumber } from 'millrace/protocol'
import type { InvocationResult } from '../invocation.ts'
import type { WorkOutcome } from './work.ts'

/** What was called, as far as the answer is judged by it. */
export interface JudgedCall {
  readonly shardIndex: number
  /** The native numbers of the records, rising. */
  readonly sequenceNumbers: readonly number[]
  readonly reportsItemFailures: boolean
  /** The function must return a state: it has a window, and this is not its last call. */
  readonly needsState: boolean
}

/** Judges the result of a call. `output` is what goes into the output stream. */
export function verdictOf<O>(
  result: InvocationResult,
  call: JudgedCall,
  output: O | undefined,
): WorkOutcome<O> {
  const { requestId } = result
  if (!result.ok) {
    const { errorType, errorMessage, isThrottle = false } = result.error
    return { ok: false, requestId, errorType, errorMessage, isThrottle }
  }
  const { payload } = result
  const fault = (errorMessage: string): WorkOutcome<O> => ({
    ok: false,
    requestId,
    errorType: 'InvalidAnswer',
    errorMessage,
    isThrottle: false,
  })
  const failedFrom = call.reportsItemFailures ? firstFailure(payload, call) : undefined
  if (typeof failedFrom === 'string') return fault(failedFrom)
  const base = { ok: true, requestId, failedFrom, output } as const
  if (!call.needsState) return base
  const { state } = isFields(payload) ? payload : { state: undefined }
  if (state === undefined)
    return fault('The function returned no state: with tumbling windows it must return { state }.')
  return { ...base, state, stateBytes: Buffer.byteLength(JSON.stringify(state)) }
}

/** The lowest number that is reported; undefined if none is; a text that says why the whole batch counts as failed. */
function firstFailure(payload: unknown, call: JudgedCall): number | string | undefined {
  if (payload === null || payload === undefined || payload === '') return undefined
  if (!isFields(payload)) return 'The function returned no object with batchItemFailures.'
  const { batchItemFailures } = payload
  if (batchItemFailures === null || batchItemFailures === undefined) return undefined
  if (!Array.isArray(batchItemFailures)) return 'The function returned batchItemFailures that are no array.'
  let lowest: number | undefined
  for (const failure of batchItemFailures as readonly unknown[]) {
    const { itemIdentifier } = isFields(failure) ? failure : { itemIdentifier: undefined }
    if (typeof itemIdentifier !== 'string' || itemIdentifier === '') {
      return 'The function reported a failure without an itemIdentifier.'
    }
    const number = numberIn(itemIdentifier, call)
    if (number === undefined)
      return `The function reported ${itemIdentifier}, which is no record of the batch.`
    lowest = Math.min(lowest ?? number, number)
  }
  return lowest
}

function numberIn(identifier: string, { shardIndex, sequenceNumbers }: JudgedCall): number | undefined {
  const parsed = parseKinesisSequenceNumber(identifier)
  if (parsed?.version !== 2 || parsed.shardIndex !== shardIndex) return undefined
  return sequenceNumbers.includes(parsed.sequenceNumber) ? parsed.sequenceNumber : undefined
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
