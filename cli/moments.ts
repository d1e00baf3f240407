// Parses moments on the command line, by the same rule for all verbs. Pure. A time without a zone is UTC on every machine.
// A date or time that does not exist is refused, where Date.parse would guess.

/** Describes a moment in help, and after "expected" in messages. */
export const momentHelp =
  'a time (2026-05-01T12:00:00Z, 2026-05-01 12:00+02:00 or 2026-05-01; UTC where it names no zone), ' +
  '@ and milliseconds since 1970 (@1767225600000)'

const MINUTE_MS = 60_000
const pattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)? ?(Z|[+-]\d{2}:?\d{2})?)?$/i

/**
 * A smaller number, as milliseconds, is before March 1973, when no broker had a record, but may be meant as seconds. A number
 * above the maximum is after the year 9999, but may be meant as microseconds.
 */
const PLAUSIBLE_MS_MIN = 100_000_000_000
const PLAUSIBLE_MS_MAX = Date.parse('9999-12-31T23:59:59.999Z')

/** Milliseconds since 1970, or why the text is not a moment, as the end of a sentence: "--from 2026-02-30 …". */
export type Moment = { readonly ms: number } | { readonly problem: string }

/** Parses a moment. Returns undefined if the text does not look like one at all. */
export function parseMoment(text: string): Moment | undefined {
  if (/^@\d+$/.test(text)) return momentOfMilliseconds(text.slice(1))
  const parts = pattern.exec(text)
  return parts === null ? undefined : momentOfCalendar(parts)
}

function momentOfMilliseconds(digits: string): Moment {
  const ms = Number(digits)
  if (ms > 0 && ms < PLAUSIBLE_MS_MIN) {
    return { problem: `is in seconds, it seems: give milliseconds, @${digits}000` }
  }
  if (ms > PLAUSIBLE_MS_MAX) return { problem: 'is not in milliseconds, it seems: give milliseconds' }
  return { ms }
}

function momentOfCalendar([
  ,
  year,
  month,
  day,
  hour,
  minute,
  second,
  fraction,
  zone,
]: RegExpExecArray): Moment {
  const [monthNumber, dayNumber] = [Number(month), Number(day)]
  if (monthNumber < 1 || monthNumber > 12) return { problem: `names a month ${month!}, and there are 12` }
  // Day 0 of the next month is the last day of this month.
  const days = new Date(Date.UTC(Number(year), monthNumber, 0)).getUTCDate()
  if (dayNumber < 1 || dayNumber > days) {
    return { problem: `names a day ${day!} of a month that has ${days}` }
  }
  if (Number(hour ?? 0) > 23 || Number(minute ?? 0) > 59 || Number(second ?? 0) > 59) {
    return { problem: 'names a time that no clock shows: hours go to 23, minutes and seconds to 59' }
  }
  const offsetMinutes = zoneMinutes(zone)
  if (offsetMinutes === undefined)
    return { problem: `names a zone ${zone!}, and they go from -12:00 to +14:00` }
  const milliseconds = Number((fraction ?? '').padEnd(3, '0').slice(0, 3))
  const local = Date.UTC(
    Number(year),
    monthNumber - 1,
    dayNumber,
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
    milliseconds,
  )
  const ms = local - offsetMinutes * MINUTE_MS
  // Date.UTC reads years below 100 as 19xx.
  if (Number(year) < 1970 || ms < 0) return { problem: 'lies before 1970' }
  return { ms }
}

function zoneMinutes(zone = 'Z'): number | undefined {
  if (zone.toUpperCase() === 'Z') return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))]
  const offset = (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
  return minutes < 60 && offset >= -12 * 60 && offset <= 14 * 60 ? offset : undefined
}
