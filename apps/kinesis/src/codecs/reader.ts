// Turns shapes into readers: functions, made once, that take a parsed value to the value of the shape. Pure.
// This is the first of two looks at a request: of which kind each value is. What it may be, validation/ says.
import { notConvertible, notNested, unreadable } from './coercion-refusals.ts'
import type { MapShape, Shape, StructureShape } from '../model/shape.ts'

/** Fails with SerializationException. Is never given undefined or null: those are members that were left out. */
export type Reader = (value: unknown) => unknown

/** How a protocol writes what the other writes otherwise. */
export interface Leaves {
  readonly blob: (value: unknown) => Uint8Array
  readonly timestamp: (value: unknown) => Date
}

type Dictionary = Record<string, unknown>

const INTEGER_MAX = 2 ** 31 - 1
const INTEGER_MIN = -(2 ** 31)

/** The reader of a shape. A structure's gives a new object of the known members; unknown ones are passed over. */
export function readerOf(shape: Shape, leaves: Leaves): Reader {
  switch (shape.kind) {
    case 'text':
    case 'choice':
      return readText
    case 'integer':
      return readInteger
    case 'long':
      return readLong
    case 'boolean':
      return readBoolean
    case 'blob':
      return leaves.blob
    case 'timestamp':
      return leaves.timestamp
    case 'list': {
      const readItem = readerOf(shape.of, leaves)
      return (value) => {
        if (!Array.isArray(value)) throw notNested(value, 'Expected list or null')
        return value.map((item: unknown) => (isAbsent(item) ? null : readItem(item)))
      }
    }
    case 'map':
      return mapReader(shape, leaves)
    case 'structure':
      return structureReader(shape, leaves)
    case 'eventStream':
      throw new Error('no request holds an event stream')
  }
}

function structureReader(shape: StructureShape, leaves: Leaves): Reader {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    read: readerOf(member.shape, leaves),
  }))
  return (value) => {
    if (!isDictionary(value)) throw notNested(value, 'Expected null')
    const read: Dictionary = {}
    for (const member of members) {
      const found = value[member.name]
      if (!isAbsent(found)) read[member.name] = member.read(found)
    }
    return read
  }
}

function mapReader(shape: MapShape, leaves: Leaves): Reader {
  const readValue = readerOf(shape.value, leaves)
  return (value) => {
    if (!isDictionary(value)) throw notNested(value, 'Expected map or null')
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, isAbsent(item) ? null : readValue(item)]),
    )
  }
}

function isDictionary(value: unknown): value is Dictionary {
  return (
    typeof value === 'object' &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Date)
  )
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function readText(value: unknown): string {
  if (typeof value !== 'string') throw notConvertible(value, 'an String')
  return value
}

/** Fractions are cut off, and numbers of more than 32 bits are the nearest of 32. */
function readInteger(value: unknown): number {
  const number = readNumber(value, 'an Integer')
  return Math.min(Math.max(number, INTEGER_MIN), INTEGER_MAX)
}

function readLong(value: unknown): number {
  const number = readNumber(value, 'an Long')
  return Math.min(Math.max(number, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
}

function readNumber(value: unknown, wanted: string): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return Math.trunc(value)
  if (typeof value === 'bigint') return Number(value)
  throw notConvertible(value, wanted)
}

const words = new Map([
  ['TRUE', true],
  ['YES', true],
  ['1', true],
  ['FALSE', false],
  ['NO', false],
  ['0', false],
])

function readBoolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') throw notConvertible(value, 'an Boolean')
  const word = value.slice(0, 64).toUpperCase()
  const read = words.get(word)
  if (read === undefined) throw unreadable(`'${word}' can not be converted to an Boolean`)
  return read
}
