// What a handler gave, as the answer of its call: JSON within Lambda's bound, with the records for an output stream taken out. Runs in the threads
// that run handlers, and in tests of handlers. Pure.
import { AnswerFault, takeOutput } from '../../output/answer.ts'
import type { PackedRecords } from '../../output/packed-records.ts'
import type { RuntimeLimits } from '../limits.ts'
import type { FunctionError, ThreadAnswer } from '../thread-contract.ts'
import { describeError } from './describe-error.ts'

/** `keyOf` gives keys to records of the answer, as `takeOutput` asks for them; undefined: the answer has none. */
export function answerOf(
  value: unknown,
  keyOf: ((index: number, count: number) => string) | undefined,
  limits: RuntimeLimits,
): ThreadAnswer['outcome'] {
  let json: string
  let output: PackedRecords | undefined
  try {
    let payload = value
    if (keyOf !== undefined) ({ payload, output } = takeOutput(value, keyOf))
    // What has no JSON, such as a function, is null as undefined is.
    const text: string | undefined = JSON.stringify(payload)
    json = text ?? 'null'
  } catch (thrown) {
    return { ok: false, error: answerError(thrown, limits) }
  }
  const bytes = Buffer.byteLength(json) + (output?.bytes.length ?? 0)
  if (bytes <= limits.answerBytesMax) return { ok: true, json, output }
  return {
    ok: false,
    error: {
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${limits.answerBytesMax} bytes).`,
    },
  }
}

function answerError(thrown: unknown, limits: RuntimeLimits): FunctionError {
  const { errorType, errorMessage } = describeError(thrown, limits)
  if (thrown instanceof AnswerFault) return { errorType, errorMessage }
  return {
    errorType: 'Runtime.MarshalError',
    errorMessage: `Unable to stringify response body: ${errorMessage}`,
  }
}
