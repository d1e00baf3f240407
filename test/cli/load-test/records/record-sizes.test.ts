// Sizes of a load's records: one or a range, all within it, and both ends reached.
import { expect, it } from 'vitest'
import { seededRandom } from '../../../../cli/load-test/records/random.ts'
import { chooseSize, parseSizes } from '../../../../cli/load-test/records/record-sizes.ts'

it('a size, and a range whose ends are both reached', () => {
  expect(parseSizes('2KiB')).toEqual({ min: 2048, max: 2048, text: '2.0 KiB' })
  const sizes = parseSizes('100..104')
  expect(sizes.text).toBe('100 B to 104 B')
  const random = seededRandom(3)
  const seen = new Set(Array.from({ length: 500 }, () => chooseSize(sizes, random)))
  expect([...seen].toSorted((a, b) => a - b)).toEqual([100, 101, 102, 103, 104])
})

it.each([
  ['x', 'Expected a size such as'],
  ['200..100', 'Expected a size such as'],
  ['100..200..300', 'Expected a size such as'],
  ['100..', 'Expected a size such as'],
  ['23', 'Expected sizes from 24 bytes'],
  ['11MiB', 'to 10.0 MiB'],
])('%s is refused with what to write', (text, message) => {
  expect(() => parseSizes(text)).toThrow(message)
})
