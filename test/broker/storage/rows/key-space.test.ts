// The table of key families keeps what the rest of storage relies on: rows are decoded as written, keys sort like their
// fields, and families never mix.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeKey,
  decodeRow,
  encodeKey,
  encodeRow,
  familyOf,
  keyFamilies,
  rangeOf,
  writeKey,
  type FamilyName,
  type KeyFamily,
} from '../../../../broker/storage/rows/key-space.ts'

const numberOf = {
  u8: fc.nat(0xff),
  u16: fc.nat(0xffff),
  u32: fc.nat(0xffff_ffff),
  u64: fc.oneof(fc.maxSafeNat(), fc.nat(3), fc.constant(Number.MAX_SAFE_INTEGER)),
}

const families = Object.entries<KeyFamily>(keyFamilies) as [FamilyName, KeyFamily][]

function fieldsOf(fields: KeyFamily['key']) {
  return fc.record(Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, numberOf[kind]])))
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at === -1 ? 0 : Math.sign(a[at]! - b[at]!)
}

describe.each(families)('%s', (name, family) => {
  test('decodes keys as they were written', () => {
    fc.assert(
      fc.property(fieldsOf(family.key), (fields) => {
        const key = encodeKey(name, ...(Object.values(fields) as [number?, number?]))
        expect(decodeKey(name, key)).toEqual(fields)
        expect(familyOf(key)).toBe(name)
        expect(
          writeKey(name, key.slice().fill(0xee), ...(Object.values(fields) as [number?, number?])),
        ).toEqual(key)
      }),
    )
  })

  test("sorts keys like their fields, within the family's range", () => {
    fc.assert(
      fc.property(fieldsOf(family.key), fieldsOf(family.key), (a, b) => {
        const [left, right] = [a, b].map((fields) =>
          encodeKey(name, ...(Object.values(fields) as [number?, number?])),
        )
        expect(Buffer.compare(left!, right!)).toBe(compare(Object.values(a), Object.values(b)))
        const { start, end } = rangeOf(name)
        expect(Buffer.compare(start, left!)).toBeLessThanOrEqual(0)
        expect(Buffer.compare(left!, end)).toBe(-1)
      }),
    )
  })

  if (Object.keys(family.key).length > 1) {
    test('has a range per first field that holds its keys and no others', () => {
      fc.assert(
        fc.property(fieldsOf(family.key), fieldsOf(family.key), (a, b) => {
          const [first, second] = Object.values(a) as [number, number]
          const [other] = Object.values(b) as [number]
          const { start, end } = rangeOf(name, first)
          const isWithin = (key: Uint8Array) =>
            Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) < 0
          expect(isWithin(encodeKey(name, first, second))).toBe(true)
          expect(isWithin(encodeKey(name, other, second))).toBe(first === other)
        }),
      )
    })
  }

  const { value, list } = family
  if (typeof value !== 'string') {
    test('decodes rows as they were written, and refuses a truncated row', () => {
      const rows = list
        ? fc
            .tuple(fieldsOf(value), fc.array(fieldsOf(list), { maxLength: 8 }))
            .map(([row, entries]) => ({ ...row, entries }))
        : fieldsOf(value)
      fc.assert(
        fc.property(rows, (row) => {
          const key = encodeKey(name, 1, 2)
          const bytes = encodeRow(name as 'head', key, row as never)
          expect(decodeRow(name as 'head', key, bytes)).toEqual(row)
          expect(decodeRow(name as 'head', key, bytes.subarray(1))).toBeUndefined()
        }),
      )
    })

    test('refuses a row with any one bit of its value or key flipped', () => {
      const row = Object.fromEntries(Object.keys(value).map((field, i) => [field, i]))
      const key = encodeKey(name, 1, 2)
      const bytes = encodeRow(name as 'head', key, { ...row, entries: [] } as never)
      const turned = (whole: Uint8Array, bit: number) =>
        whole.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        expect(decodeRow(name as 'head', key, turned(bytes, bit))).toBeUndefined()
      }
      for (let bit = 0; bit < key.length * 8; bit++) {
        expect(decodeRow(name as 'head', turned(key, bit), bytes)).toBeUndefined()
      }
    })
  }
})

test('keyFamilies: no two families have the same tag', () => {
  const tags = families.map(([, { tag }]) => tag)
  expect(new Set(tags).size).toBe(tags.length)
})
