// When a token, a key or a grant ends, as `--expires` says it: after a duration, or at a moment. Pure.
import { kinds } from '../../broker/config/kinds.ts'
import { Failure } from '../failure.ts'
import { momentHelp, parseMoment } from '../moments.ts'

/** Completes the help of `--expires`. */
export const expiresHelp = `after which it is refused: a duration (30d), or ${momentHelp}`

/** Returns when it ends; undefined without text. Throws Failure (usage) for a text that is no such time, and for the past. */
export function parseExpiry(text: string | undefined, now: number): Date | undefined {
  if (text === undefined) return undefined
  const duration = kinds.duration.parse(text)
  if (duration !== undefined && duration > 0) return new Date(now + duration)
  const moment = parseMoment(text)
  if (moment === undefined) {
    throw new Failure(`--expires ${text} is no time: expected a duration (30d), or ${momentHelp}.`, 'usage')
  }
  if ('problem' in moment) throw new Failure(`--expires ${text} ${moment.problem}.`, 'usage')
  if (moment.ms <= now) throw new Failure(`--expires ${text} is over already.`, 'usage')
  return new Date(moment.ms)
}
