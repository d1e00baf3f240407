// Refusals of values that are not of the kind that the model asks for, in the words of the service's own reader. Pure.
// The service says the class of what it found, as its reader of JSON calls it; clients and suites compare these texts.
import { KinesisError } from '../model/errors.ts'

/** Refuses a request that cannot be read. Without a text where the body as a whole is not one of the protocol. */
export function unreadable(message = ''): KinesisError {
  return new KinesisError('SerializationException', message)
}

/** Refuses a value where something else than a list, map or structure belongs; `wanted` with its article. */
export function notConvertible(value: unknown, wanted: string): KinesisError {
  return nested(value) ?? unreadable(`class ${classOf(value)} can not be converted to ${wanted}`)
}

/** Refuses a value where a list, map or structure belongs; `expected` is what is said of one that is neither. */
export function notNested(value: unknown, expected: string): KinesisError {
  return nested(value) ?? unreadable(expected)
}

function nested(value: unknown): KinesisError | undefined {
  if (Array.isArray(value)) return unreadable('Start of list found where not expected')
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) {
    return undefined
  }
  return unreadable('Start of structure or map found where not expected.')
}

function classOf(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return 'java.lang.Boolean'
    case 'number':
    case 'bigint':
      return 'com.amazon.coral.value.json.numbers.TruncatingBigNumber'
    case 'string':
      return 'java.lang.String'
    default:
      return value instanceof Date ? 'java.util.Date' : 'java.nio.HeapByteBuffer'
  }
}
