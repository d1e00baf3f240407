// Where reading starts and stops, as people say it and as the protocol does. Runs in the client, pure.
import { MillraceError } from '../protocol/millrace-error.ts'
import type { Position as WirePosition } from '../protocol/operations.ts'

/**
 * A place in a stream, as in Kinesis. Sequence numbers belong to one shard: they need the `shard` option, unless the
 * stream has a single shard.
 */
export type Position =
  | 'TRIM_HORIZON'
  | 'LATEST'
  | { readonly atSequenceNumber: number }
  | { readonly afterSequenceNumber: number }
  | { readonly atTimestamp: Date | number }

/** Throws `invalidArgument` for what is no position. */
export function toWirePosition(position: Position): WirePosition {
  const none = { sequenceNumber: undefined, timestamp: undefined }
  if (position === 'TRIM_HORIZON' || position === 'LATEST') return { ...none, type: position }
  if (typeof position === 'object' && position !== null) {
    if ('atSequenceNumber' in position) {
      const sequenceNumber = wholeNumber('atSequenceNumber', position.atSequenceNumber)
      return { ...none, type: 'AT_SEQUENCE_NUMBER', sequenceNumber }
    }
    if ('afterSequenceNumber' in position) {
      const sequenceNumber = wholeNumber('afterSequenceNumber', position.afterSequenceNumber)
      return { ...none, type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber }
    }
    if ('atTimestamp' in position) {
      const timestamp = wholeNumber('atTimestamp', Math.ceil(Number(position.atTimestamp)))
      return { ...none, type: 'AT_TIMESTAMP', timestamp }
    }
  }
  throw new MillraceError(
    'invalidArgument',
    `${JSON.stringify(position)} is not a position: give 'TRIM_HORIZON', 'LATEST', { atSequenceNumber }, ` +
      '{ afterSequenceNumber } or { atTimestamp }.',
  )
}

/** Whether a reading between the two ends before it begins: told only of two times, or two sequence numbers. */
export function endsBeforeItBegins(from: Position, until: Position): boolean {
  const [first, end] = [toWirePosition(from), toWirePosition(until)]
  if (isShardPosition(first) && isShardPosition(end)) return numberOf(end) < numberOf(first)
  return first.timestamp !== undefined && end.timestamp !== undefined && end.timestamp < first.timestamp
}

/** Number of the first record at a place in a shard, or behind it. */
function numberOf({ type, sequenceNumber }: WirePosition): number {
  return sequenceNumber! + (type === 'AFTER_SEQUENCE_NUMBER' ? 1 : 0)
}

/** Throws `invalidArgument` for a reading that would end before it begins, as far as the two positions alone tell. */
export function checkSpan(from: Position, until: Position | undefined): void {
  if (until === undefined || !endsBeforeItBegins(from, until)) return
  const message =
    `A reading cannot end before it begins: until is ${JSON.stringify(until)}, from is ${JSON.stringify(from)}. ` +
    'Give the earlier one as from.'
  throw new MillraceError('invalidArgument', message)
}

/** Whether the position means a place in one particular shard. */
export function isShardPosition(position: WirePosition): boolean {
  return position.sequenceNumber !== undefined
}

function wholeNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new MillraceError(
    'invalidArgument',
    `${name} is ${String(value)}; it must be a whole number, 0 or more.`,
  )
}
