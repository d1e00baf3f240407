// Positions as they are written on a command line, and what they mean. Pure; the clock is given.
import { kinds } from '../broker/config/kinds.ts'
import { Failure } from './failure.ts'

export type PositionText =
  | { readonly type: 'TRIM_HORIZON' }
  | { readonly type: 'LATEST' }
  | { readonly type: 'sequenceNumber'; readonly sequenceNumber: number }
  | { readonly type: 'timestamp'; readonly timestamp: number }

export const positionHelp =
  'TRIM_HORIZON, LATEST, a sequence number, a time (2026-05-01T12:00:00Z, or @1767225600000 in milliseconds), ' +
  'or a duration that lies back (15m)'

/** Reads a position. Throws Failure (usage) naming the option. */
export function parsePosition(text: string, option: string, now: number): PositionText {
  const word = text.toUpperCase()
  if (word === 'TRIM_HORIZON' || word === 'LATEST') return { type: word }
  if (/^\d+$/.test(text)) {
    const sequenceNumber = Number(text)
    if (Number.isSafeInteger(sequenceNumber)) return { type: 'sequenceNumber', sequenceNumber }
  }
  if (/^@\d+$/.test(text)) {
    const timestamp = Number(text.slice(1))
    if (Number.isSafeInteger(timestamp)) return { type: 'timestamp', timestamp }
  }
  const ago = kinds.duration.parse(text)
  if (ago !== undefined) return { type: 'timestamp', timestamp: Math.max(0, now - ago) }
  const timestamp = /^\d{4}-\d{2}/.test(text) ? Date.parse(text) : NaN
  if (timestamp >= 0) return { type: 'timestamp', timestamp }
  throw new Failure(`${option} ${text} is not a position: expected ${positionHelp}.`, 'usage')
}
