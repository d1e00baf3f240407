// Firehose's prefix language: what each expression gives, and where a prefix is wrong.
import { describe, expect, it } from 'vitest'
import { partitionText } from '../../src/naming/partition-values.ts'
import { completed, evaluate, readPrefix, type Prefix, type PrefixPlace } from '../../src/naming/prefix.ts'
import { timePattern, type TimePattern } from '../../src/naming/time-pattern.ts'
import { isTimeZone, zonedTime } from '../../src/naming/zoned-time.ts'

/** A Saturday, in summer. */
const SUMMER = Date.UTC(2026, 7, 1, 5, 4, 3, 21)
const place: PrefixPlace = {
  ms: SUMMER,
  timeZone: 'UTC',
  partition: partitionText({ query: { country: 'DE' }, lambda: { kind: 'a/b' } }),
  errorType: 'processing-failed',
  seed: 'an object',
}

const written = (pattern: string, timeZone = 'UTC', ms = SUMMER) => {
  const compiled = timePattern(pattern)
  if (typeof compiled !== 'function') throw new Error(`at ${compiled.at}: ${compiled.message}`)
  return (compiled satisfies TimePattern)(zonedTime(ms, timeZone))
}

const evaluated = (text: string, at = place) => evaluate(readPrefix(text) as Prefix, at)

describe('timestamps', () => {
  it.each([
    ['yyyy/MM/dd/HH/', '2026/08/01/05/'],
    ['yy-M-d H:m:s', '26-8-1 5:4:3'],
    ['uuuu', '2026'],
    ['MMM MMMM MMMMM', 'Aug August A'],
    ['E EEE EEEE EEEEE', 'Sat Sat Saturday S'],
    ['D DDD', '213 213'],
    ['Q QQ QQQ QQQQ', '3 03 Q3 3rd quarter'],
    ['hh a', '05 AM'],
    ['k K', '5 5'],
    ['S SSS SSSSSSSSS', '0 021 021000000'],
    ['A', String(((5 * 60 + 4) * 60 + 3) * 1000 + 21)],
    ['n', '21000000'],
    ["'year='yyyy'/it''s'", "year=2026/it's"],
    ["yyyy''MM", "2026'08"],
    ['VV', 'UTC'],
    ['X x Z ZZZZ ZZZZZ O', 'Z +00 +0000 GMT Z GMT'],
    ['YYYY-ww e', '2026-31 7'],
    ['G', 'AD'],
    ['[yyyy]', '2026'],
  ])('%s is %s', (pattern, text) => {
    expect(written(pattern)).toBe(text)
  })

  it.each([
    ['Europe/Berlin', 'yyyy-MM-dd HH xxx z', '2026-08-01 07 +02:00 GMT+2'],
    ['America/New_York', 'dd HH Z z zzzz', '01 01 -0400 EDT Eastern Daylight Time'],
    ['Asia/Kolkata', 'HH:mm X XX xxx O', '10:34 +0530 +0530 +05:30 GMT+5:30'],
    ['America/Los_Angeles', 'yyyy/MM/dd/HH', '2026/07/31/22'],
    ['Pacific/Kiritimati', 'dd HH', '01 19'],
  ])('in %s, %s is %s', (timeZone, pattern, text) => {
    expect(written(pattern, timeZone)).toBe(text)
  })

  it('weeks: the last days of a year may belong to the first week of the next one', () => {
    expect(written('YYYY-w', 'UTC', Date.UTC(2026, 11, 28))).toBe('2027-1')
    expect(written('YYYY-w', 'UTC', Date.UTC(2027, 0, 1))).toBe('2027-1')
    expect(written('YYYY-w', 'UTC', Date.UTC(2027, 0, 3))).toBe('2027-2')
  })

  it.each([
    ['yyyy-bb', 5, 'the letter b'],
    ["yyyy'x", 4, 'not closed'],
    ['ddd', 0, '3 times'],
    ['V', 0, 'VV'],
    ['{', 0, 'keeps for itself'],
  ])('%s is wrong at %i', (pattern, at, message) => {
    expect(timePattern(pattern)).toEqual({ at, message: expect.stringContaining(message) })
  })

  it('time zones: names of IANA are known, others are not', () => {
    expect(isTimeZone('Europe/Berlin')).toBe(true)
    expect(isTimeZone('Europe/Bielefeld')).toBe(false)
  })
})

describe('prefixes', () => {
  it.each([
    ['', ''],
    ['logs', 'logs'],
    ['a/!{timestamp:yyyy}/b-!{timestamp:MM}', 'a/2026/b-08'],
    ['country=!{partitionKeyFromQuery:country}/', 'country=DE/'],
    ['!{partitionKeyFromLambda:kind}/x', 'a/b/x'],
    ['!{partitionKeyFromQuery:none}/', '/'],
    ['!{firehose:error-output-type}/', 'processing-failed/'],
    ["!{timestamp:'a}b'", undefined],
  ])('%s gives %s', (text, result) => {
    if (result !== undefined) expect(evaluated(text)).toBe(result)
    else expect(readPrefix(text)).toHaveProperty('message')
  })

  it('random strings: 11 letters and digits, new for each use, the same for the same object', () => {
    const text = evaluated('!{firehose:random-string}/!{firehose:random-string}')
    expect(text).toMatch(/^[A-Za-z0-9]{11}\/[A-Za-z0-9]{11}$/)
    const [first, second] = text.split('/')
    expect(first).not.toBe(second)
    expect(evaluated('!{firehose:random-string}')).toBe(first)
    expect(evaluated('!{firehose:random-string}', { ...place, seed: 'another' })).not.toBe(first)
  })

  it.each([
    ['a/!{timestamp:yyyy', 3, 'without its }'],
    ['!{yyyy}', 3, 'namespace:value'],
    ['!{time:yyyy}', 3, 'the namespace time'],
    ['!{timestamp:yyyy-bb}', 18, 'the letter b'],
    ['!{timestamp:}', 13, 'without a pattern'],
    ['!{firehose:uuid}', 12, 'random-string'],
    ['!{partitionKeyFromQuery:}', 25, 'without a name'],
    ['a\nb', 2, 'control character'],
    ['x'.repeat(1025), 1025, '1024'],
  ])('%s is wrong at character %i', (text, at, message) => {
    expect(readPrefix(text)).toEqual({ at, message: expect.stringContaining(message) })
  })

  it.each([
    ['', 'objects', '2026/08/01/05/'],
    ['logs/', 'objects', 'logs/2026/08/01/05/'],
    ['logs', 'objects', 'logs2026/08/01/05/'],
    ['y=!{timestamp:yyyy}/', 'objects', 'y=2026/'],
    ['', 'errors', 'processing-failed/2026/08/01/05/'],
    ['bad', 'errors', 'bad/processing-failed/2026/08/01/05/'],
    ['bad/!{firehose:error-output-type}-', 'errors', 'bad/processing-failed-2026/08/01/05/'],
  ] as const)('%s of %s is completed to %s', (text, of, result) => {
    expect(evaluate(completed(readPrefix(text) as Prefix, of), place)).toBe(result)
  })
})
