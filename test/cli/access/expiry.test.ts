// When something ends, as people write it.
import { describe, expect, it } from 'vitest'
import { parseExpiry } from '../../../cli/access/expiry.ts'

const now = Date.parse('2026-05-01T12:00:00Z')

describe('parseExpiry', () => {
  it.each([
    ['30d', '2026-05-31T12:00:00.000Z'],
    ['8h', '2026-05-01T20:00:00.000Z'],
    ['2026-06-01', '2026-06-01T00:00:00.000Z'],
    ['2026-05-01T15:00:00+02:00', '2026-05-01T13:00:00.000Z'],
  ])('%s is %s', (text, time) => {
    expect(parseExpiry(text, now)?.toISOString()).toBe(time)
  })

  it('is none without a text', () => {
    expect(parseExpiry(undefined, now)).toBeUndefined()
  })

  it.each([
    ['soon', /--expires soon is no time: expected a duration \(30d\), or a time/],
    ['30', /is no time/],
    ['0s', /is no time/],
    ['2026-02-30', /names a day 30 of a month that has 28/],
    ['2026-05-01T12:00:00Z', /is over already/],
    ['2020-01-01', /is over already/],
  ])('%s is refused', (text, message) => {
    expect(() => parseExpiry(text, now)).toThrow(message)
  })
})
