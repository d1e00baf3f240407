// Patterns of times as Java's DateTimeFormatter writes them, which is what Firehose's `!{timestamp:…}` takes: letters by a table, text
// in single quotes, other characters as they are. Texts of months and days are English. Pure.
import { zoneName, type ZonedTime } from './zoned-time.ts'

/** A pattern that cannot be used: where, counted in its characters, and why. */
export interface PatternFault {
  readonly at: number
  readonly message: string
}

export type TimePattern = (time: ZonedTime) => string

interface Letter {
  /** How often it may stand in a row. */
  readonly max: number
  readonly write: (time: ZonedTime, count: number) => string
}

const months = 'January February March April May June July August September October November December'.split(
  ' ',
)
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const NANOS_PER_MILLI = 1_000_000

const number =
  (of: (time: ZonedTime) => number) =>
  (time: ZonedTime, count: number): string =>
    String(of(time)).padStart(count, '0')

const year =
  (of: (time: ZonedTime) => number) =>
  (time: ZonedTime, count: number): string =>
    count === 2 ? String(of(time) % 100).padStart(2, '0') : String(of(time)).padStart(count, '0')

const month: Letter['write'] = (time, count) => {
  if (count < 3) return number((each) => each.month)(time, count)
  return named(months[time.month - 1]!, count)
}

const quarter: Letter['write'] = (time, count) => {
  const of = Math.ceil(time.month / 3)
  if (count < 3) return String(of).padStart(count, '0')
  return count === 4
    ? `${['1st', '2nd', '3rd', '4th'][of - 1]!} quarter`
    : count === 3
      ? `Q${of}`
      : String(of)
}

const weekday: Letter['write'] = (time, count) => named(days[time.weekday]!, Math.max(count, 3))

const milliOfDay = ({ hour, minute, second, milli }: ZonedTime): number =>
  ((hour * 60 + minute) * 60 + second) * 1000 + milli

const letters: Readonly<Record<string, Letter>> = {
  y: { max: 19, write: year((time) => time.year) },
  u: { max: 19, write: year((time) => time.year) },
  Y: { max: 19, write: year((time) => weekOf(time).year) },
  w: { max: 2, write: number((time) => weekOf(time).week) },
  M: { max: 5, write: month },
  L: { max: 5, write: month },
  d: { max: 2, write: number((time) => time.day) },
  D: { max: 3, write: number((time) => time.dayOfYear) },
  Q: { max: 5, write: quarter },
  q: { max: 5, write: quarter },
  E: { max: 5, write: weekday },
  e: {
    max: 5,
    write: (time, count) =>
      count < 3 ? number((each) => each.weekday + 1)(time, count) : weekday(time, count),
  },
  G: { max: 5, write: (_, count) => (count === 4 ? 'Anno Domini' : count === 5 ? 'A' : 'AD') },
  a: { max: 1, write: (time) => (time.hour < 12 ? 'AM' : 'PM') },
  H: { max: 2, write: number((time) => time.hour) },
  k: { max: 2, write: number((time) => (time.hour === 0 ? 24 : time.hour)) },
  K: { max: 2, write: number((time) => time.hour % 12) },
  h: { max: 2, write: number((time) => (time.hour % 12 === 0 ? 12 : time.hour % 12)) },
  m: { max: 2, write: number((time) => time.minute) },
  s: { max: 2, write: number((time) => time.second) },
  S: {
    max: 9,
    write: (time, count) =>
      String(time.milli * NANOS_PER_MILLI)
        .padStart(9, '0')
        .slice(0, count),
  },
  A: { max: 19, write: number(milliOfDay) },
  n: { max: 19, write: number((time) => time.milli * NANOS_PER_MILLI) },
  N: { max: 19, write: (time, count) => String(BigInt(milliOfDay(time)) * 1_000_000n).padStart(count, '0') },
  V: { max: 2, write: (time) => time.timeZone },
  z: { max: 4, write: (time, count) => zoneName(time, count === 4 ? 'long' : 'short') },
  O: { max: 4, write: (time, count) => greenwich(time, count === 4) },
  X: { max: 5, write: (time, count) => (time.offsetMinutes === 0 ? 'Z' : offset(time, count)) },
  x: { max: 5, write: (time, count) => offset(time, count) },
  Z: {
    max: 5,
    write: (time, count) => {
      if (count < 4) return offset(time, 2)
      return count === 4 ? greenwich(time, true) : time.offsetMinutes === 0 ? 'Z' : offset(time, 3)
    },
  },
}

/** Compiles a pattern, or says what is wrong with it. */
export function timePattern(pattern: string): TimePattern | PatternFault {
  const parts: ((time: ZonedTime) => string)[] = []
  for (let at = 0; at < pattern.length;) {
    const character = pattern[at]!
    if (character === "'") {
      const quoted = quotedText(pattern, at)
      if (quoted === undefined) return { at, message: 'has a single quote that is not closed' }
      parts.push(() => quoted.text)
      at = quoted.end
    } else if (/[A-Za-z]/.test(character)) {
      let end = at
      while (pattern[end] === character) end++
      const count = end - at
      const fault = letterFault(character, count)
      if (fault !== undefined) return { at, message: fault }
      const { write } = letters[character]!
      parts.push((time) => write(time, count))
      at = end
    } else if ('{}#'.includes(character)) {
      return { at, message: `has ${character}, which Java keeps for itself: put it into single quotes` }
    } else {
      // Brackets mark what is optional when a time is read: nothing when it is written.
      if (character !== '[' && character !== ']') parts.push(() => character)
      at++
    }
  }
  return (time) => parts.map((part) => part(time)).join('')
}

function letterFault(letter: string, count: number): string | undefined {
  const known = letters[letter]
  if (known === undefined)
    return `has the letter ${letter}, which stands for nothing: put text into single quotes`
  if (letter === 'V' && count !== 2) return 'has V once, and a zone is VV'
  if (letter === 'O' && count !== 1 && count !== 4)
    return `has O ${count} times, and it stands once or four times`
  return count <= known.max
    ? undefined
    : `has ${letter} ${count} times in a row, and ${known.max} is the most`
}

/** Two quotes are one, within quotes and without. */
function quotedText(
  pattern: string,
  at: number,
): { readonly text: string; readonly end: number } | undefined {
  if (pattern[at + 1] === "'") return { text: "'", end: at + 2 }
  let text = ''
  for (let i = at + 1; i < pattern.length; i++) {
    if (pattern[i] !== "'") text += pattern[i]!
    else if (pattern[i + 1] === "'") {
      text += "'"
      i++
    } else return { text, end: i + 1 }
  }
  return undefined
}

function named(name: string, count: number): string {
  return count === 3 ? name.slice(0, 3) : count === 4 ? name : name.slice(0, 1)
}

/** Weeks as Java counts them in the United States: they begin on Sunday, and the first one has the first of January. */
function weekOf({ year, dayOfYear, weekday }: ZonedTime): { readonly year: number; readonly week: number } {
  const daysOfYear = (Date.UTC(year + 1, 0, 1) - Date.UTC(year, 0, 1)) / 86_400_000
  // The Saturday of this week lies in the next year.
  if (dayOfYear + (6 - weekday) > daysOfYear) return { year: year + 1, week: 1 }
  const firstWeekday = new Date(Date.UTC(year, 0, 1)).getUTCDay()
  return { year, week: Math.floor((dayOfYear - 1 + firstWeekday) / 7) + 1 }
}

/** `+08`, `+0830` (1), `+0800` (2, 4), `+08:00` (3, 5). */
function offset({ offsetMinutes }: ZonedTime, count: number): string {
  const { sign, hours, minutes } = partsOf(offsetMinutes)
  if (count === 1) return `${sign}${hours}${minutes === '00' ? '' : minutes}`
  return `${sign}${hours}${count % 2 === 1 ? ':' : ''}${minutes}`
}

function greenwich({ offsetMinutes }: ZonedTime, isLong: boolean): string {
  if (offsetMinutes === 0) return 'GMT'
  const { sign, hours, minutes } = partsOf(offsetMinutes)
  if (isLong) return `GMT${sign}${hours}:${minutes}`
  return `GMT${sign}${Number(hours)}${minutes === '00' ? '' : `:${minutes}`}`
}

function partsOf(offsetMinutes: number): {
  readonly sign: string
  readonly hours: string
  readonly minutes: string
} {
  const minutes = Math.abs(offsetMinutes)
  return {
    sign: offsetMinutes < 0 ? '-' : '+',
    hours: String(Math.floor(minutes / 60)).padStart(2, '0'),
    minutes: String(minutes % 60).padStart(2, '0'),
  }
}
