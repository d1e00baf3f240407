// Texts of partitions: one for the same values, and back.
import { expect, it } from 'vitest'
import { partitionText, partitionValues } from '../../src/naming/partition-values.ts'

it('partitionText: is the same for the same values in another order, and leads back to them', () => {
  const text = partitionText({ query: { country: 'DE', age: '7' }, lambda: { kind: 'a"b' } })
  expect(partitionText({ lambda: { kind: 'a"b' }, query: { age: '7', country: 'DE' } })).toBe(text)
  expect(partitionValues(text)).toEqual({ query: { age: '7', country: 'DE' }, lambda: { kind: 'a"b' } })
})

it('partitionText: is empty where there are no values', () => {
  expect(partitionText({})).toBe('')
  expect(partitionText({ query: {}, lambda: {} })).toBe('')
  expect(partitionValues('')).toEqual({})
})
