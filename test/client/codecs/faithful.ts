// The promise of a codec for every value: it comes back equal, types included, or is refused as `codecFailed`.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Codec } from '../../../client/codecs.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'

/** Half surrogates included, as fc's own strings are not. */
export const units = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes))

const keys = fc.oneof(
  fc.string(),
  units,
  fc.constantFrom('__proto__', 'constructor', 'toString', 'length', '0', '-0'),
)

const primitives = [
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.string(),
  units,
  fc.constantFrom(null, undefined, -0),
]

/** Any value that JavaScript has, the odd ones included. */
export const anything = (options: { withDate: boolean }) =>
  fc.anything({
    key: keys,
    values: primitives,
    withBoxedValues: true,
    withDate: options.withDate,
    withMap: true,
    withSet: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
    maxDepth: 4,
  })

/** Returns what the codec does with a value: 'carried' if it comes back equal. Fails if it comes back changed. */
export function carry(codec: Codec<unknown>, value: unknown): 'carried' | 'refused' {
  let payload: Uint8Array
  try {
    // A copy: a decoder must not count on what lies around a payload.
    payload = Uint8Array.from(codec.encode(value))
  } catch (error) {
    expect(error).toMatchObject({ code: 'codecFailed' })
    return 'refused'
  }
  const back = codec.decode(payload)
  if (!isDeepStrictEqual(back, value)) expect(back, 'what came back').toStrictEqual(value)
  return 'carried'
}

/** The message with which a codec refuses a value. */
export function refusalOf(codec: Pick<Codec<never, unknown>, 'encode'>, value: unknown): string {
  try {
    codec.encode(value as never)
  } catch (error) {
    if (MillraceError.is(error, 'codecFailed')) return error.message
    throw error
  }
  return 'not refused'
}

/** Values that no language-neutral format can hold, each with a word of the reason. */
export function foreignValues(): readonly (readonly [string, unknown, RegExp])[] {
  class Point {
    x = 1
  }
  const cycle: Record<string, unknown> = {}
  cycle['self'] = { list: [cycle] }
  return [
    ['undefined', undefined, /undefined/],
    ['a function', () => 1, /function/],
    ['a symbol', Symbol('s'), /symbol/],
    ['a Map', new Map([[1, 2]]), /a Map/],
    ['a Set', new Set([1]), /a Set/],
    ['a WeakMap', new WeakMap(), /a WeakMap/],
    ['a RegExp', /a/g, /a RegExp/],
    ['an Error', new RangeError('x'), /a RangeError/],
    ['a promise', Promise.resolve(1), /a Promise/],
    ['a boxed number', Object(1), /a Number/],
    ['a boxed text', Object('a'), /a String/],
    ['an invalid date', new Date(NaN), /invalid Date/],
    ['an instance', new Point(), /instance of Point/],
    ['an instance of a class without a name', new (class {})(), /instance of/],
    ['an array of a class', new (class Stack extends Array {})(), /instance of Stack/],
    ['a sparse array', [1, , 3], /\[1\] is undefined/], // oxlint-disable-line no-sparse-arrays
    ['an array with a field', Object.assign([1], { field: 2 }), /beside its elements/],
    ['a match', /a/.exec('a'), /beside its elements|undefined/],
    ['a field named by a symbol', { [Symbol('s')]: 1 }, /symbol/],
    ['a field that is undefined', { a: 1, b: undefined }, /\.b is undefined/],
    ['a cycle', cycle, /\.self\.list\[0\] is .* again/],
    ['a Float64Array', new Float64Array([1.5]), /a Float64Array/],
    ['a Float32Array', new Float32Array([1.5]), /a Float32Array/],
    ['an Int8Array', new Int8Array([-1]), /an Int8Array/],
    ['a Uint8ClampedArray', new Uint8ClampedArray([1]), /a Uint8ClampedArray/],
    ['a Uint16Array', new Uint16Array([1]), /a Uint16Array/],
    ['a BigInt64Array', new BigInt64Array([1n]), /a BigInt64Array/],
    ['a BigUint64Array', new BigUint64Array([1n]), /a BigUint64Array/],
    ['a DataView', new DataView(new ArrayBuffer(4)), /a DataView/],
    ['an ArrayBuffer', new ArrayBuffer(4), /an ArrayBuffer/],
    ['a SharedArrayBuffer', new SharedArrayBuffer(4), /a SharedArrayBuffer/],
    ['bytes of a class', new (class Frame extends Uint8Array {})(2), /instance of Frame/],
  ]
}
