// Where reading starts and stops, as people say it and as the protocol does. Runs in the client, pure.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Position as WirePosition } from '../../protocol/operations.ts'
import { checkPlace } from '../options/check.ts'

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

/** The position as the protocol has it. It was checked by the table of options. */
export function toWirePosition(position: Position): WirePosition {
  const none = { sequenceNumber: undefined, timestamp: undefined }
  if (typeof position === 'string') return { ...none, type: position }
  const { atSequenceNumber, afterSequenceNumber, atTimestamp } = position as PositionFields
  if (atSequenceNumber !== undefined) {
    return { ...none, type: 'AT_SEQUENCE_NUMBER', sequenceNumber: atSequenceNumber }
  }
  if (afterSequenceNumber !== undefined) {
    return { ...none, type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: afterSequenceNumber }
  }
  return { ...none, type: 'AT_TIMESTAMP', timestamp: Number(atTimestamp) }
}

/** A position whose fields may be undefined, which counts as left out. */
interface PositionFields {
  readonly atSequenceNumber?: number
  readonly afterSequenceNumber?: number
  readonly atTimestamp?: Date | number
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

/** Where a reading begins and ends, as the caller says it. */
export interface Places {
  readonly from: Position
  readonly until: Position | undefined
  readonly shard: string | undefined
}

/** Throws `invalidArgument` for what is no position or no shard, and for a reading that would end before it begins, as far as the two positions alone tell. */
export function checkPlaces({ from, until, shard }: Places): void {
  checkPlace('from', from)
  checkPlace('until', until)
  checkPlace('shard', shard)
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
