// Values and their positional arrays: every shape of the tables goes both ways, every bound holds in both.
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromWire, toWire } from '../../../protocol/frame/codec.ts'
import { events } from '../../../protocol/events.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { unpack } from '../../../protocol/frame/msgpack-reader.ts'
import { operations, type Operation } from '../../../protocol/operations.ts'
import { field, type Shape } from '../../../protocol/shapes.ts'
import { plain, valueOf } from '../arbitraries.ts'
import { refusalOf } from '../refusal.ts'

const shapes: [string, Shape][] = [
  ...Object.entries<Operation>(operations).flatMap(([name, operation]): [string, Shape][] => [
    [`${name} request`, operation.request],
    [`${name} response`, operation.response],
  ]),
  ...Object.entries(events).map(([name, event]): [string, Shape] => [`${name} event`, event.body]),
]

const shape = {
  name: field.string(5, 'A name.'),
  count: field.uint('A count.', 100),
  on: field.boolean('A switch.'),
  bytes: field.bytes(3, 'Bytes.'),
  key: field.hashKey('A hash key.'),
  color: field.choice(['red', 'green'], 'A colour.'),
  items: field.list(field.struct({ size: field.uint('A size.', 9) }, 'An item.'), 2, 'Items.'),
  note: field.optional(field.string(5, 'A note.')),
} as const

const good = {
  name: 'abcde',
  count: 100,
  on: true,
  bytes: new Uint8Array(3),
  key: new Uint8Array(16),
  color: 'green',
  items: [{ size: 9 }],
  note: undefined,
} as const
const goodWire: unknown[] = ['abcde', 100, true, new Uint8Array(3), new Uint8Array(16), 1, [[9]], null]

/** `unknown`, because the shapes of the tables together are more than the type checker follows. */
function roundTrip(each: Shape, value: unknown): unknown {
  return fromWire(each, toWire(each, value as never))
}

function encode(value: unknown): unknown[] {
  return toWire<Shape>(shape, value as never)
}

function invalid(message: string): MillraceError {
  return new MillraceError('invalidArgument', message)
}

describe('codec', () => {
  test.each(shapes)('%s: any value comes back from its wire form unchanged', (_, each) => {
    fc.assert(
      fc.property(valueOf(each), (value) => {
        expect(plain(roundTrip(each, value))).toEqual(plain(value))
      }),
      { numRuns: 30 },
    )
  })

  test('a value becomes a positional array', () => {
    expect(toWire(shape, good)).toEqual(goodWire)
    expect(fromWire(shape, goodWire)).toEqual(good)
  })

  test('a missing field with a value for that case is read as that value, and one that is there as it is', () => {
    const later = { ...shape, limit: { ...field.uint('A limit.', 100), absent: 7 } } as const
    const wire = toWire(shape, good)
    expect(plain(fromWire(later, wire))).toEqual(plain({ ...good, limit: 7 }))
    expect(plain(fromWire(later, [...wire, 0]))).toEqual(plain({ ...good, limit: 0 }))
    expect(refusalOf(() => fromWire(later, [...wire, 101]))).toMatchObject({ code: 'invalidArgument' })
  })

  test('fields that came later are ignored, and optional ones that are missing read as undefined', () => {
    expect(fromWire(shape, [...goodWire, 'new', 7])).toEqual(good)
    expect(fromWire(shape, goodWire.slice(0, -1))).toEqual(good)
  })

  test.each([
    ['name', 'abcdef', 'name is 6 bytes long: "abcdef"; the limit is 5 bytes'],
    ['name', 'ééé', 'name is 6 bytes long: "ééé"; the limit is 5 bytes'],
    [
      'name',
      'a\ud83d',
      'name is "a\\ud83d", which holds half of a surrogate pair, U+D83D at index 1, which UTF-8 cannot carry: send whole characters',
    ],
    ['name', 7, 'name must be a string, got 7'],
    ['name', undefined, 'name is missing: it must be a string'],
    ['count', 101, 'count is 101; the limit is 100'],
    ['count', -1, 'count must be a whole number from 0 to 100, got -1'],
    ['count', 1.5, 'count must be a whole number from 0 to 100, got 1.5'],
    ['count', Number.NaN, 'count must be a whole number from 0 to 100, got NaN'],
    ['count', Infinity, 'count must be a whole number from 0 to 100, got Infinity'],
    ['count', 7n, 'count must be a whole number from 0 to 100, got 7n'],
    ['count', '7', 'count must be a whole number from 0 to 100, got "7"'],
    ['on', 1, 'on must be true or false, got 1'],
    ['bytes', new Uint8Array(4), 'bytes is 4 bytes long; the limit is 3 bytes'],
    ['bytes', [1, 2], 'bytes must be bytes, got an array of 2'],
    ['bytes', new Uint16Array(1), 'bytes must be bytes, got an object'],
    ['key', new Uint8Array(15), 'key must be a hash key of 16 bytes, got 15 bytes'],
    ['items', {}, 'items must be a list, got an object'],
  ])('%s = %s is refused in both directions', (name, value, message) => {
    expect(refusalOf(() => encode({ ...good, [name]: value }))).toEqual(invalid(message))
    const wire = goodWire.with(Object.keys(shape).indexOf(name), value)
    expect(refusalOf(() => fromWire(shape, wire))).toEqual(invalid(message))
  })

  test('the path to a refused field names lists by position', () => {
    const items = [{ size: 1 }, { size: 10 }]
    expect(refusalOf(() => encode({ ...good, items }))).toEqual(
      invalid('items[1].size is 10; the limit is 9'),
    )
    expect(refusalOf(() => fromWire(shape, goodWire.with(6, [[1], [10]])))).toEqual(
      invalid('items[1].size is 10; the limit is 9'),
    )
    expect(refusalOf(() => fromWire(shape, goodWire.with(6, [[1], 5])))).toEqual(
      invalid('items[1] must be an array of fields, got 5'),
    )
    expect(refusalOf(() => fromWire(shape, goodWire.with(6, [[1], [1], [1]])))).toEqual(
      invalid('items has 3 entries; the limit is 2'),
    )
  })

  test('a whole number is never −0: it reads and is sent as 0', () => {
    const minusZero = unpack(Uint8Array.from([0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0]))
    expect(fromWire(shape, goodWire.with(1, minusZero)).count).toBe(0)
    expect(encode({ ...good, count: -0 })[1]).toBe(0)
  })

  test('a choice outside the list is refused in both directions', () => {
    expect(refusalOf(() => encode({ ...good, color: 'blue' }))).toEqual(
      invalid('color must be one of red, green, got "blue"'),
    )
    expect(refusalOf(() => fromWire(shape, goodWire.with(5, 2)))).toEqual(
      invalid('color is 2; the limit is 1'),
    )
  })

  test('bytes of another realm are bytes: a test runner may give this code its own globals', () => {
    const foreign = runInNewContext('new Uint8Array([1, 2, 3])') as Uint8Array
    expect(foreign).not.toBeInstanceOf(Uint8Array)
    expect(fromWire(shape, encode({ ...good, bytes: foreign })).bytes).toBe(foreign)
  })

  test('a body that is no array is refused', () => {
    expect(refusalOf(() => fromWire(shape, { name: 'x' }))).toEqual(
      invalid('The body must be an array of fields, got an object'),
    )
    expect(refusalOf(() => fromWire(shape, undefined))).toEqual(
      invalid('The body is missing: it must be an array of fields'),
    )
  })

  test('a long text is shown cut', () => {
    expect(refusalOf(() => encode({ ...good, name: 'x'.repeat(1000) }))).toEqual(
      invalid(`name is 1000 bytes long: "${'x'.repeat(40)}…"; the limit is 5 bytes`),
    )
  })
})
