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
