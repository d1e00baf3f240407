// An answer of a function with the records that it was called with: its output taken out, and judged. Runs in the app, pure.
import type { StreamRecord } from 'millrace'
import type { InvocationResult } from '../invocation.ts'
import { takeOutput } from '../output/answer.ts'
import type { PackedRecords } from '../output/packed-records.ts'
import { verdictOf, type JudgedCall } from './verdict.ts'
import type { WorkOutcome } from './work.ts'

/** A call whose answer is judged. */
export interface AnsweredCall extends Omit<JudgedCall, 'sequenceNumbers'> {
  readonly records: readonly Pick<StreamRecord, 'sequenceNumber' | 'partitionKey'>[]
  /** The answer has records for an output stream. */
  readonly wantsRecords: boolean
}

/** An answer that cannot be put into the output stream counts as an error of the function. */
export function judgedAnswer(result: InvocationResult, call: AnsweredCall): WorkOutcome<PackedRecords> {
  const { records, shardIndex } = call
  const judged = { ...call, sequenceNumbers: records.map(({ sequenceNumber }) => sequenceNumber) }
  if (!result.ok || !call.wantsRecords) return verdictOf(result, judged, undefined)
  const first = records[0]?.sequenceNumber ?? 0
  // As `answerKeys`, which has only the batch that went to the function.
  const keyOf = (index: number, count: number): string =>
    count === records.length ? records[index]!.partitionKey : `${shardIndex}-${first}-${index}`
  try {
    const { payload, output } =
      result.output === undefined
        ? takeOutput(result.payload, keyOf)
        : { payload: result.payload, output: result.output }
    return verdictOf({ ...result, payload }, judged, output.count === 0 ? undefined : output)
  } catch (fault) {
    const { name: errorType, message: errorMessage } = fault as Error
    const { requestId, durationMs } = result
    return verdictOf(
      { ok: false, error: { errorType, errorMessage }, requestId, durationMs },
      judged,
      undefined,
    )
  }
}
