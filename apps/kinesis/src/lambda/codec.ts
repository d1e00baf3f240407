// Requests and answers of the Lambda API, in REST with JSON: read from path, query, headers and body, held against the bounds of its model,
// and written. Pure.
import { parseQuery } from '../auth/query.ts'
import { unreadable } from '../codecs/coercion-refusals.ts'
import { jsonLeaves, parseJson } from '../codecs/json-body.ts'
import { jsonWriterOf } from '../codecs/json-writer.ts'
import { readerOf, type Reader } from '../codecs/reader.ts'
import type { Shape, StructureShape } from '../model/shape.ts'
import { checkOf, type Check } from '../validation/constraints.ts'
import { holdAgainst } from '../validation/validate.ts'
import type { WholeAnswer } from '../wire/answer.ts'
import type { WireRequest } from '../wire/api.ts'
import type { LambdaRoute } from './model/operation.ts'
import {
  lambdaOperations,
  type LambdaInput,
  type LambdaOperationName,
  type LambdaOutput,
} from './model/operations.ts'

const CONTENT_TYPE = 'application/json'

interface Codec {
  readonly http: LambdaRoute
  readonly input: StructureShape
  readonly read: Reader
  readonly check: Check
  readonly write: (value: unknown) => Uint8Array
}

const codecs = new Map<LambdaOperationName, Codec>()

function codecOf(operation: LambdaOperationName): Codec {
  let codec = codecs.get(operation)
  if (codec === undefined) {
    const { http, input, output } = lambdaOperations[operation]
    const read = readerOf(input, jsonLeaves)
    codec = { http, input, read, check: checkOf(input), write: jsonWriterOf(output) }
    codecs.set(operation, codec)
  }
  return codec
}

/** The input of an operation. `members` are those of the path. Fails with SerializationException and ValidationException. */
export function decodeLambda<N extends LambdaOperationName>(
  operation: N,
  { head, body }: Pick<WireRequest, 'head' | 'body'>,
  members: Readonly<Record<string, string>>,
): LambdaInput<N> {
  const { http, input: shape, read, check } = codecOf(operation)
  const values: Record<string, unknown> = http.payload === undefined ? { ...bodyOf(body) } : {}
  for (const [member, header] of Object.entries(http.headers ?? {})) values[member] = head.header(header)
  const query = parseQuery(head.query)
  for (const [member, name] of Object.entries(http.query ?? {})) {
    const found = query.filter(([given]) => given === name).map(([, value]) => value)
    values[member] = found.length === 0 ? undefined : fromTexts(shape.members[member]!.shape, found)
  }
  const input = read({ ...values, ...members }) as Record<string, unknown>
  if (http.payload !== undefined) input[http.payload] = body
  holdAgainst(check, input)
  return input as LambdaInput<N>
}

function bodyOf(body: Uint8Array): object {
  if (body.length === 0) return {}
  const parsed = parseJson(body)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw unreadable()
  return parsed
}

/** In a query all values are texts. */
function fromTexts(shape: Shape, texts: readonly string[]): unknown {
  const [first = ''] = texts
  if (shape.kind === 'list') return texts
  if (shape.kind !== 'integer') return first
  if (!/^-?\d{1,15}$/.test(first))
    throw unreadable(`'${first.slice(0, 64)}' can not be converted to an Integer`)
  return Number(first)
}

export function encodeLambda<N extends LambdaOperationName>(
  operation: N,
  output: LambdaOutput<N>,
): WholeAnswer {
  const { http, write } = codecOf(operation)
  const { status, payload, answerHeaders = {} } = http
  const given = output as Readonly<Record<string, unknown>>
  if (payload === undefined) {
    return status === 204 ? { status, body: '' } : { status, contentType: CONTENT_TYPE, body: write(output) }
  }
  const headers: Record<string, string> = {}
  for (const [member, header] of Object.entries(answerHeaders)) {
    const value = given[member]
    if (typeof value === 'string') headers[header] = value
  }
  const body = (given[payload] as Uint8Array | undefined) ?? ''
  const type = body.length === 0 ? {} : { contentType: CONTENT_TYPE }
  return { status: (given['StatusCode'] as number | undefined) ?? status, headers, body, ...type }
}
