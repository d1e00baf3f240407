// The formats of logs that LOGTOJSON knows: the pattern of a whole record, and the names of its groups. Pure data. What is taken, and what
// is not, is what AWS' agent takes. None of the patterns can go back and forth: each part ends at a character that it does not contain.
import type { LogFormat } from './processing-step.ts'

const WHOLE = '[+-]?[0-9]+'
const HOST = String.raw`(?:[\w-]+(?:\.[\w-]+)*\.?|[\d.]+)`
const NAME = '[a-zA-Z0-9._-]+'
const QUOTED = '"([^"]+)"'
const DAY = '(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)'
const MONTH =
  '(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)'
const DAY_OF_MONTH = '(?:0[1-9]|[12][0-9]|3[01]|[1-9])'
const YEAR = '[1-9][0-9]*'
const TIME = String.raw`(?:2[0-3]|[01]?[0-9]):[0-5][0-9]:(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?`
/** Java's dot: any character that does not end a line. */
const REST = '[^\\n\\r\\u0085\\u2028\\u2029]*'

const HTTP_DATE = String.raw`${DAY_OF_MONTH}/${MONTH}/${YEAR}:${TIME}[ \t\n\x0B\f\r]${WHOLE}`
const COMMON = String.raw`(${HOST}) (${NAME}) (${NAME}) \[(${HTTP_DATE})\] ${QUOTED} (${WHOLE}|-) (${WHOLE}|-)`
const GAP = String.raw`[ \t\n\x0B\f\r]+`
const ERROR_DATE = `${DAY}${GAP}${MONTH}${GAP}${DAY_OF_MONTH}${GAP}${TIME}${GAP}${YEAR}`
const SYSLOG_DATE = `${MONTH}${GAP}${DAY_OF_MONTH}${GAP}${TIME}`
const RFC3339_DATE = String.raw`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})`

function syslog(date: string): RegExp {
  return new RegExp(
    String.raw`^(${date}) (?:<[0-9]+[^\n\r\u0085\u2028\u2029][0-9]+> )?(${NAME}) ([\w._/%-]+)(?:\[([1-9][0-9]*)\])?: (${REST})$`,
  )
}

interface LogFormatFacts {
  readonly pattern: RegExp
  readonly fields: readonly string[]
  /** A field that is `-` is null. */
  readonly dashIsNull: boolean
}

const commonFields = ['host', 'ident', 'authuser', 'datetime', 'request', 'response', 'bytes'] as const
const syslogFields = ['timestamp', 'hostname', 'program', 'processid', 'message'] as const

export const logFormatTable: Readonly<Record<LogFormat, LogFormatFacts>> = {
  COMMONAPACHELOG: {
    pattern: new RegExp(`^${COMMON}${REST}$`),
    fields: commonFields,
    dashIsNull: true,
  },
  COMBINEDAPACHELOG: {
    pattern: new RegExp(`^${COMMON} ${QUOTED} ${QUOTED}${REST}$`),
    fields: [...commonFields, 'referer', 'agent'],
    dashIsNull: true,
  },
  APACHEERRORLOG: {
    pattern: new RegExp(
      String.raw`^\[(${ERROR_DATE})\] \[(?:(\w+):)?(\w+)\] \[pid ([0-9]+)(?::tid ([0-9]+))?\] \[client (${HOST}(?::[1-9][0-9]*)?)\] (${REST})$`,
    ),
    fields: ['timestamp', 'module', 'severity', 'processid', 'threadid', 'client', 'message'],
    dashIsNull: true,
  },
  SYSLOG: { pattern: syslog(SYSLOG_DATE), fields: syslogFields, dashIsNull: false },
  RFC3339SYSLOG: { pattern: syslog(RFC3339_DATE), fields: syslogFields, dashIsNull: false },
}

/** Names of the fields of a format, in their order. */
export function formatFields(format: LogFormat): readonly string[] {
  return logFormatTable[format].fields
}
