// Bodies of the Firehose API, in JSON 1.1: read and held against the bounds of its model, and written. Pure.
import { jsonLeaves, parseJson } from '../codecs/json-body.ts'
import { unreadable } from '../codecs/coercion-refusals.ts'
import { jsonWriterOf } from '../codecs/json-writer.ts'
import { readerOf, type Reader } from '../codecs/reader.ts'
import { checkOf, type Check } from '../validation/constraints.ts'
import { holdAgainst } from '../validation/validate.ts'
import {
  firehoseOperations,
  type FirehoseInput,
  type FirehoseOperationName,
  type FirehoseOutput,
} from './model/operations.ts'

interface Codec {
  readonly read: Reader
  readonly check: Check
  readonly write: (value: unknown) => Uint8Array
}

const codecs = new Map<FirehoseOperationName, Codec>()

function codecOf(operation: FirehoseOperationName): Codec {
  let codec = codecs.get(operation)
  if (codec === undefined) {
    const { input, output } = firehoseOperations[operation]
    codec = { read: readerOf(input, jsonLeaves), check: checkOf(input), write: jsonWriterOf(output) }
    codecs.set(operation, codec)
  }
  return codec
}

/** The input of an operation. Fails with SerializationException and ValidationException, in the service's words. */
export function decodeFirehose<N extends FirehoseOperationName>(
  operation: N,
  body: Uint8Array,
): FirehoseInput<N> {
  const parsed = parseJson(body)
  if (typeof parsed !== 'object' || parsed === null) throw unreadable()
  const { read, check } = codecOf(operation)
  const input = read(parsed)
  holdAgainst(check, input)
  return input as FirehoseInput<N>
}

export function encodeFirehose<N extends FirehoseOperationName>(
  operation: N,
  output: FirehoseOutput<N>,
): Uint8Array {
  return codecOf(operation).write(output)
}
