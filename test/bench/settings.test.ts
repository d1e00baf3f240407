// Settings of scenarios: one table gives flags, defaults and types.
import { InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flagNameOf, parseCount, parseCounts, valuesOf } from '../../bench/settings.ts'

test('parseCount: takes whole numbers and their usual short forms', () => {
  expect(parseCount('100')).toBe(100)
  expect(parseCount('5k')).toBe(5000)
  expect(parseCount('64Ki')).toBe(65_536)
  expect(parseCount('2Mi')).toBe(2_097_152)
  expect(parseCounts('100, 1Ki')).toEqual([100, 1024])
})

test('parseCount: refuses what is not a whole number, and says what one looks like', () => {
  for (const text of ['', '-1', '1.5', 'many', '1kb', '1e3']) {
    expect(() => parseCount(text)).toThrow(InvalidArgumentError)
  }
  fc.assert(
    fc.property(fc.nat(), (value) => {
      expect(parseCount(String(value))).toBe(value)
    }),
  )
})

test('valuesOf: what is given goes before the default', () => {
  const settings = {
    recordBytes: { default: [100, 1024], doc: '' },
    rate: { default: 5000, doc: '' },
  } as const
  expect(valuesOf(settings, { rate: 10 })).toEqual({ recordBytes: [100, 1024], rate: 10 })
})

test('flagNameOf: is what people type', () => {
  expect(flagNameOf('recordBytes')).toBe('record-bytes')
})
