// Positions on a command line: each way of writing one means one thing, and anything else is refused with the option's name.
import { describe, expect, it, vi } from 'vitest'
import { Failure } from '../../cli/failure.ts'
import { parseGroupStart, parsePosition, parseSpan } from '../../cli/positions.ts'

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
    ['@0', { atTimestamp: 0 }],
    ['2026-05-01T11:00', { atTimestamp: now - 3_600_000 }],
    ['2026-05-01 11:00:00', { atTimestamp: now - 3_600_000 }],
    ['2026-05-01T13:00:00.5+02:00', { atTimestamp: now - 3_600_000 + 500 }],
    ['2026-05-01T07:30:00-0330', { atTimestamp: now - 3_600_000 }],
    ['2026-05-01t11:00:00.123456789z', { atTimestamp: now - 3_600_000 + 123 }],
    ['2024-02-29', { atTimestamp: Date.UTC(2024, 1, 29) }],
    ['15m', { atTimestamp: now - 15 * 60_000 }],
  ])('reads %s', (text, position) => {
    expect(parse(text)).toEqual(position)
  })

  it.each(['Europe/Berlin', 'America/St_Johns', 'UTC'])(
    'means UTC where no zone is named, also in %s',
    (zone) => {
      vi.stubEnv('TZ', zone)
      expect(parse('2026-05-01T11:00:00')).toEqual({ atTimestamp: now - 3_600_000 })
      vi.unstubAllEnvs()
    },
  )

  it.each([
    ['2026-02-30', 'a day 30 of a month that has 28'],
    ['2025-02-29T00:00:00Z', 'a day 29 of a month that has 28'],
    ['2026-04-31', 'a day 31 of a month that has 30'],
    ['2026-05-00', 'a day 00'],
    ['2026-13-45', 'a month 13'],
    ['2026-05-01T24:00:00Z', 'no clock shows'],
    ['2026-05-01T24:61', 'no clock shows'],
    ['2026-05-01T12:60', 'no clock shows'],
    ['2026-05-01T12:00:60Z', 'no clock shows'],
    ['2026-05-01T12:00+15:00', 'a zone +15:00'],
    ['2026-05-01T12:00-12:30', 'a zone -12:30'],
    ['2026-05-01T12:00+01:75', 'a zone +01:75'],
    ['1969-12-31', 'before 1970'],
    ['0026-05-01', 'before 1970'],
    ['@1767225600', 'give milliseconds, @1767225600000'],
    ['@1767225600000000', 'give milliseconds'],
    ['@99999999999999999999', 'give milliseconds'],
  ])('refuses %s, says why, and what is accepted', (text, reason) => {
    expect(() => parse(text)).toThrow(Failure)
    expect(() => parse(text)).toThrow(`--from ${text} `)
    expect(() => parse(text)).toThrow(reason)
    expect(() => parse(text)).toThrow('Expected TRIM_HORIZON, LATEST')
  })

  it.each([
    '-5',
    '9007199254740993',
    'yesterday',
    '',
    '12:00',
    '26-05-01',
    '2026-05',
    '2026-5-1',
    '2026-05-01T12',
    '2026-05-01T12:00:00 yesterday',
    '2026-05-01T12:00:00Z and more',
    '2026-05-01 CEST',
    '2026-05-01T12:00 Europe/Berlin',
    '05/01/2026',
    'Fri, 01 May 2026 12:00:00 GMT',
    '@1767225600000ms',
    '@-1',
    '@1e12',
    '1.5',
    '15 minutes',
  ])('refuses %s', (text) => {
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

describe('parseGroupStart', () => {
  const start = (text: string) => parseGroupStart(text, { option: '--to', now })

  it.each([
    ['trim_horizon', 'TRIM_HORIZON'],
    ['LATEST', 'LATEST'],
    ['2026-05-01T11:00:00Z', { atTimestamp: now - 3_600_000 }],
    ['15m', { atTimestamp: now - 15 * 60_000 }],
  ])('reads %s', (text, position) => {
    expect(start(text)).toEqual(position)
  })

  it.each(['17', 'yesterday'])('refuses %s, and says what it takes', (text) => {
    expect(() => start(text)).toThrow(
      expect.objectContaining({
        exit: 'usage',
        message: expect.stringMatching(
          new RegExp(`^--to ${text} is .*expected TRIM_HORIZON, LATEST,`),
        ) as string,
      }),
    )
  })
})
