// Converts values to positional arrays and back, by code that is compiled once per shape. Runs anywhere, pure.
// Bounds are checked in both directions, so that neither side sends a value that the other must refuse.
// A decoder ignores fields beyond those it knows, and reads a missing field as undefined if it is optional, else as the
// value that the field has for that case.
import { isBytes } from '../bytes.ts'
import { MillraceError } from '../millrace-error.ts'
import { unsupportedName } from './msgpack-reader.ts'
import { Packed } from './msgpack-writer.ts'
import type { Field, Shape, ValueOf } from '../shapes.ts'
import { quoteText, surrogateFault } from '../text/text.ts'
import { countOf } from '../text/count-text.ts'

interface Coder {
  readonly encode: (value: unknown) => unknown
  readonly decode: (wire: unknown) => unknown
}

/** Says why a value is refused, and gathers the path to its field on the way up. */
class Refusal extends Error {
  path = ''
}

function within(error: unknown, step: string): unknown {
  if (error instanceof Refusal) {
    error.path = error.path === '' || error.path.startsWith('[') ? step + error.path : `${step}.${error.path}`
  }
  return error
}

const compiled = new WeakMap<Shape, Coder>()

/** Encodes a value as a positional array. Throws `invalidArgument` that names the field, the value and the limit. */
export function toWire<S extends Shape>(shape: S, value: ValueOf<S>): unknown[] {
  return named(() => coderOf(shape).encode(value) as unknown[])
}

/** Decodes a positional array. Byte fields are views on it. Throws `invalidArgument` that names field, value and limit. */
export function fromWire<S extends Shape>(shape: S, wire: unknown): ValueOf<S> {
  return named(() => coderOf(shape).decode(wire) as ValueOf<S>)
}

function named<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new MillraceError(
      'invalidArgument',
      `${error.path === '' ? 'The body' : error.path} ${error.message}`,
    )
  }
}

function coderOf(shape: Shape): Coder {
  let coder = compiled.get(shape)
  if (coder === undefined) {
    coder = structCoder(shape)
    compiled.set(shape, coder)
  }
  return coder
}

function structCoder(shape: Shape): Coder {
  const names = Object.keys(shape)
  const coders = names.map((name) => coderOfField(shape[name]!))
  return {
    encode(value) {
      if (typeof value !== 'object' || value === null) throw wrong(value, 'an object')
      const wire: unknown[] = []
      let i = 0
      try {
        for (; i < names.length; i++)
          wire.push(coders[i]!.encode((value as Record<string, unknown>)[names[i]!]))
      } catch (error) {
        throw within(error, names[i]!)
      }
      return wire
    },
    decode(wire) {
      if (!Array.isArray(wire)) throw wrong(wire, 'an array of fields')
      const value: Record<string, unknown> = {}
      let i = 0
      try {
        for (; i < names.length; i++) value[names[i]!] = coders[i]!.decode(wire[i])
      } catch (error) {
        throw within(error, names[i]!)
      }
      return value
    },
  }
}

function coderOfField(field: Field): Coder {
  const { encode, decode } = coderOfKind(field)
  const { absent } = field
  return {
    encode,
    decode: absent === undefined ? decode : (wire) => (wire === undefined ? absent : decode(wire)),
  }
}

function coderOfKind(field: Field): Coder {
  switch (field.kind) {
    case 'string':
      return same((value) => checkString(value, field.max))
    case 'uint':
      return same((value) => checkUint(value, field.max))
    case 'boolean':
      return same((value) => {
        if (typeof value !== 'boolean') throw wrong(value, 'true or false')
        return value
      })
    case 'bytes':
      return same((value) => checkBytes(value, field.max))
    case 'hashKey':
      return same((value) => {
        if (checkBytes(value, 16).length !== 16)
          throw new Refusal(`must be a hash key of 16 bytes, got ${show(value)}`)
        return value
      })
    case 'choice':
      return choiceCoder(field.values)
    case 'list':
      return listCoder(coderOfField(field.of), field.max)
    case 'struct':
      return coderOf(field.shape)
    case 'optional':
      return optionalCoder(coderOfField(field.of))
  }
}

function same(check: (value: unknown) => unknown): Coder {
  return { encode: check, decode: check }
}

function optionalCoder(of: Coder): Coder {
  return {
    encode: (value) => (value === undefined ? null : of.encode(value)),
    decode: (wire) => (wire === undefined || wire === null ? undefined : of.decode(wire)),
  }
}

function choiceCoder(values: readonly string[]): Coder {
  return {
    encode(value) {
      const position = values.indexOf(value as string)
      if (position < 0) throw wrong(value, `one of ${values.join(', ')}`)
      return position
    },
    decode: (wire) => values[checkUint(wire, values.length - 1)],
  }
}

function listCoder(of: Coder, max: number): Coder {
  const each = (items: unknown, code: (item: unknown) => unknown): unknown[] => {
    if (!Array.isArray(items)) throw wrong(items, 'a list')
    if (items.length > max) throw new Refusal(`has ${items.length} entries; the limit is ${max}`)
    let done = 0
    try {
      // `map` is used because it allocates an array of the exact size.
      return items.map((item: unknown) => {
        const coded = code(item)
        done++
        return coded
      })
    } catch (error) {
      throw within(error, `[${done}]`)
    }
  }
  return {
    // A list that is packed was checked when it was.
    encode: (value) => (value instanceof Packed ? value : each(value, of.encode)),
    decode: (wire) => each(wire, of.decode),
  }
}

function checkString(value: unknown, max: number): string {
  if (typeof value !== 'string') throw wrong(value, 'a string')
  // UTF-8 takes at most three bytes per UTF-16 unit, so short texts need no exact count.
  if (value.length * 3 > max) {
    const length = Buffer.byteLength(value)
    if (length > max) throw new Refusal(`is ${length} bytes long: ${show(value)}; the limit is ${max} bytes`)
  }
  const fault = surrogateFault(value)
  if (fault !== undefined) throw new Refusal(`is ${show(value)}, which ${fault}`)
  return value
}

function checkUint(value: unknown, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(value, `a whole number from 0 to ${max}`)
  }
  if (value > max) throw new Refusal(`is ${value}; the limit is ${max}`)
  // Adding 0 turns −0, which a float64 can carry and which differs from 0 to Object.is, into 0.
  return value + 0
}

function checkBytes(value: unknown, max: number): Uint8Array {
  if (!isBytes(value)) throw wrong(value, 'bytes')
  if (value.length > max) throw new Refusal(`is ${value.length} bytes long; the limit is ${max} bytes`)
  return value
}

function wrong(value: unknown, wanted: string): Refusal {
  return new Refusal(
    value === undefined ? `is missing: it must be ${wanted}` : `must be ${wanted}, got ${show(value)}`,
  )
}

/** Shortens a value of any kind for an error message. */
function show(value: unknown): string {
  if (typeof value === 'string') return quoteText(value)
  if (isBytes(value)) return countOf(value.length, 'byte')
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return unsupportedName(value) ?? 'an object'
  return typeof value === 'bigint' ? `${value}n` : String(value)
}
