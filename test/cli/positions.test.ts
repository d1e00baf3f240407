// Positions on a command line: each way of writing one means one thing, and anything else is refused with the option's name.
import { describe, expect, it } from 'vitest'
import { Failure } from '../../cli/failure.ts'
import { parsePosition, parseSpan } from '../../cli/positions.ts'

const now = Date.parse('2026-05-01T12:00:00Z')
const parse = (text: string) => parsePosition(text, { option: '--from', now })

describe('parsePosition', () => {
  it.each([
    ['TRIM_HORIZON', 'TRIM_HORIZON'],
    ['latest', 'LATEST'],
    ['0', { atSequenceNumber: 0 }],
    ['1234567890123', { atSequenceNumber: 1_234_567_890_123 }],
    ['@1767225600000', { atTimestamp: 1_767_225_600_000 }],
    ['2026-05-01T11:00:00Z', { atTimestamp: now - 3_600_000 }],
    ['2026-05-01', { atTimestamp: now - 12 * 3_600_000 }],
    ['15m', { atTimestamp: now - 15 * 60_000 }],
  ])('reads %s', (text, position) => {
    expect(parse(text)).toEqual(position)
  })

  it.each(['-5', '9007199254740993', 'yesterday', '2026-13-45', '', '12:00'])('refuses %s', (text) => {
    expect(() => parse(text)).toThrow(Failure)
    expect(() => parse(text)).toThrow(/^--from .* is not a position: expected TRIM_HORIZON/)
  })
})

describe('parseSpan', () => {
  it.each([
    ['15m', '5m'],
    ['5m', '5m'],
    ['10', '10'],
    ['TRIM_HORIZON', '5m'],
    ['LATEST', '2026-05-01T13:00:00Z'],
    ['15m', 'LATEST'],
    ['10', '5m'],
  ])('takes --from %s --until %s', (from, until) => {
    expect(parseSpan({ from, until }, now)).toEqual({ from: parse(from), until: parse(until) })
  })

  it('refuses to end where everything begins', () => {
    expect(() => parseSpan({ from: 'LATEST', until: 'trim_horizon' }, now)).toThrow(
      '--until TRIM_HORIZON ends before the oldest record: give it to --from.',
    )
  })

  it.each([
    ['5m', '15m'],
    ['12', '10'],
    ['LATEST', '5m'],
    ['2026-05-01T13:00:00Z', '2026-05-01T12:30:00Z'],
  ])('refuses --from %s --until %s, between which nothing lies', (from, until) => {
    expect(() => parseSpan({ from, until }, now)).toThrow(Failure)
    expect(() => parseSpan({ from, until }, now)).toThrow(
      `--until ${until} is earlier than --from ${from}, so that nothing lies between: give the earlier one to --from.`,
    )
  })
})
