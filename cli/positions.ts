// Parses positions on the command line. Pure; the clock is given.
import { kinds } from '../broker/config/kinds.ts'
import type { GroupStart, Position } from '../client/index.ts'
import { endsBeforeItBegins } from '../client/reading/position.ts'
import { Failure } from './failure.ts'
import { momentHelp, parseMoment } from './moments.ts'

const groupStartHelp = `TRIM_HORIZON, LATEST, ${momentHelp}, or how long ago (15m)`
export const positionHelp = `TRIM_HORIZON, LATEST, a sequence number, ${momentHelp}, or how long ago (15m)`

/** Parses the start and the end of a read. Throws Failure (usage) if the end is before the start. */
export function parseSpan(
  options: { readonly from: string; readonly until?: string | undefined },
  now: number,
): { from: Position; until: Position | undefined } {
  const from = parsePosition(options.from, { option: '--from', now })
  if (options.until === undefined) return { from, until: undefined }
  const until = parsePosition(options.until, { option: '--until', now })
  if (until === 'TRIM_HORIZON') {
    throw new Failure('--until TRIM_HORIZON ends before the oldest record: give it to --from.', 'usage')
  }
  if (endsBeforeItBegins(from === 'LATEST' ? { atTimestamp: now } : from, until)) {
    throw new Failure(
      `--until ${options.until} is earlier than --from ${options.from}, so that nothing lies between: ` +
        'give the earlier one to --from.',
      'usage',
    )
  }
  return { from, until }
}

/** Parses a position. Throws Failure (usage) that names the option. */
export function parsePosition(text: string, { option, now }: { option: string; now: number }): Position {
  const word = text.toUpperCase()
  if (word === 'TRIM_HORIZON' || word === 'LATEST') return word
  if (/^\d+$/.test(text)) {
    const atSequenceNumber = Number(text)
    if (Number.isSafeInteger(atSequenceNumber)) return { atSequenceNumber }
  }
  const moment = parseMoment(text)
  if (moment !== undefined) {
    if ('ms' in moment) return { atTimestamp: moment.ms }
    throw new Failure(`${option} ${text} ${moment.problem}. Expected ${positionHelp}.`, 'usage')
  }
  const ago = kinds.duration.parse(text)
  if (ago !== undefined) return { atTimestamp: Math.max(0, now - ago) }
  throw new Failure(`${option} ${text} is not a position: expected ${positionHelp}.`, 'usage')
}

/** Parses where a group begins: a position that every shard has. Throws Failure (usage) that names the option. */
export function parseGroupStart(text: string, options: { option: string; now: number }): GroupStart {
  const position = parsePosition(text, options)
  if (typeof position === 'string' || 'atTimestamp' in position) return position
  const message = `${options.option} ${text} is the number of a record, which shards count for themselves: expected ${groupStartHelp}.`
  throw new Failure(message, 'usage')
}
