// Reads the bodies of requests: parsed, of the right kinds, within their bounds. Pure.
import { cborLeaves, parseCbor } from './cbor-body.ts'
import { jsonLeaves, parseJson } from './json-body.ts'
import type { Protocol } from './protocol.ts'
import { readerOf, type Leaves, type Reader } from './reader.ts'
import { unreadable } from './coercion-refusals.ts'
import { operations, type InputOf, type OperationName } from '../model/operations.ts'
import { validateInput } from '../validation/validate.ts'

interface Format {
  readonly parse: (body: Uint8Array) => unknown
  readonly leaves: Leaves
}

const formats: Readonly<Record<Protocol, Format>> = {
  json: { parse: parseJson, leaves: jsonLeaves },
  cbor: { parse: parseCbor, leaves: cborLeaves },
}

const readers = new Map<string, Reader>()

/**
 * The input of an operation. Its bytes are its own or the body's: do not change the body. Fails with SerializationException where a
 * value is not of its kind, and with ValidationException where it is out of bounds.
 */
export function decodeRequest<N extends OperationName>(
  operation: N,
  body: Uint8Array,
  protocol: Protocol,
): InputOf<N> {
  const { parse, leaves } = formats[protocol]
  const parsed = parse(body)
  if (typeof parsed !== 'object' || parsed === null) throw unreadable()
  const key = `${protocol} ${operation}`
  let read = readers.get(key)
  if (read === undefined) {
    read = readerOf(operations[operation].input, leaves)
    readers.set(key, read)
  }
  const input = read(parsed)
  validateInput(operation, input)
  return input as InputOf<N>
}
