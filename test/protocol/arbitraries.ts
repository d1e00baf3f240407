// Values for the property tests, generated from the same shapes that the protocol is made of: a new operation or field
// is tested from the moment it stands in its table.
import fc from 'fast-check'
import type { Field, Shape } from '../../protocol/shapes.ts'

/** Any value of a shape, within its bounds but small; optional fields come and go. */
export function valueOf(shape: Shape): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, fieldValue(field)])),
  )
}

function fieldValue(field: Field): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'string':
      // At most four bytes of UTF-8 a character.
      return fc.string({ unit: 'binary', maxLength: Math.min(Math.floor(field.max / 4), 40) })
    case 'uint':
      return uint(field.max)
    case 'boolean':
      return fc.boolean()
    case 'bytes':
      // Across the length from which bytes are not copied.
      return fc.oneof(bytes(0, 64), bytes(1000, 1100)).filter((value) => value.length <= field.max)
    case 'hashKey':
      return bytes(16, 16)
    case 'choice':
      return fc.constantFrom(...field.values)
    case 'list':
      return fc.array(fieldValue(field.of), { maxLength: Math.min(field.max, 5) })
    case 'struct':
      return valueOf(field.shape)
    case 'optional':
      return fc.option(fieldValue(field.of), { nil: undefined })
  }
}

/** Whole numbers up to `max`, with the ends of every msgpack form among them. */
export function uint(max: number): fc.Arbitrary<number> {
  const ends = [0, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, max]
  return fc.oneof(
    fc.maxSafeNat().map((n) => n % (max + 1)),
    fc.constantFrom(...ends.filter((n) => n <= max)),
  )
}

export function bytes(minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength })
}

/** Any text at all, lone surrogates included. */
export function anyText(options: { minLength?: number; maxLength: number }): fc.Arbitrary<string> {
  const wild = fc.nat(0xffff).map((unit) => String.fromCharCode(unit))
  return fc.oneof(
    fc.string({ unit: 'grapheme-ascii', ...options }),
    fc.string({ unit: wild, ...options }),
    fc.string({ unit: fc.oneof(fc.constantFrom('a', 'é', '漢', '😀'), wild), ...options }).map((text) => {
      const cut = text.slice(0, options.maxLength)
      return cut.length >= (options.minLength ?? 0) ? cut : text
    }),
  )
}

/** A value with its bytes as hex, so that a Buffer and a Uint8Array of the same bytes compare equal. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

/** Text as UTF-8 can hold it: lone surrogates become replacement characters. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}
