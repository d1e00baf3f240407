// A moment as a wall clock of a time zone shows it. Pure but for what it remembers: formatters of Intl are slow to make.

/** Fields as a calendar counts them: months and days from 1, days of the week from 0 for Sunday. */
export interface ZonedTime {
  readonly ms: number
  readonly timeZone: string
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly milli: number
  readonly weekday: number
  readonly dayOfYear: number
  /** East of Greenwich. */
  readonly offsetMinutes: number
}

const DAY_MS = 86_400_000
const formatters = new Map<string, Intl.DateTimeFormat>()

/** True for a name that this Node knows: `UTC`, `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  try {
    formatterOf(name)
    return true
  } catch {
    return false
  }
}

/** Throws RangeError for a time zone that is none. */
export function zonedTime(ms: number, timeZone: string): ZonedTime {
  // Rounded down to the second, also before 1970: Intl knows no fractions of the offset.
  const whole = Math.floor(ms / 1000) * 1000
  const local = timeZone === 'UTC' ? whole : localMs(whole, timeZone)
  const date = new Date(local)
  const year = date.getUTCFullYear()
  return {
    ms,
    timeZone,
    year,
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    milli: ms - whole,
    weekday: date.getUTCDay(),
    dayOfYear: Math.floor((local - Date.UTC(year, 0, 1)) / DAY_MS) + 1,
    offsetMinutes: Math.round((local - whole) / 60_000),
  }
}

/** The name of the zone at that moment, as people of the United States write it: `CET`, `Central European Standard Time`. */
export function zoneName({ ms, timeZone }: ZonedTime, style: 'short' | 'long'): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: style }).formatToParts(ms)
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? timeZone
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  formatters.set(timeZone, made)
  return made
}

function localMs(ms: number, timeZone: string): number {
  const fields = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
  for (const { type, value } of formatterOf(timeZone).formatToParts(ms)) {
    if (type in fields) fields[type as keyof typeof fields] = Number(value)
  }
  const { year, month, day, hour, minute, second } = fields
  return Date.UTC(year, month - 1, day, hour, minute, second)
}
