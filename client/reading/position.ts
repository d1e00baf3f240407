// Positions in a stream, in the form of the client and in that of the protocol. Runs in the client, pure.
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

/** A range of hash keys, in Kinesis' form: whole numbers below 2^128. Both ends belong to it. */
export interface HashKeys {
  /** The first one. */
  readonly from: string | bigint
  /** The last one. */
  readonly to: string | bigint
}

/**
 * The place of a reading in a whole stream: `reading.position` gives it, `from` takes it. It is plain data that survives
 * JSON, splits and merges; carry it as it is.
 */
export interface StreamPosition {
  /** A stream that is deleted and made again has another number. */
  readonly streamId: number
  /** Shards from this index on were not known: they are read from their first record. */
  readonly shardsBelow: number
  /** By shard id, where to go on. A lower shard that is not listed is read to its end, or was left out from the start. */
  readonly shards: Readonly<Record<string, number>>
  /** The only key that is read from here, where the reading had the option `partitionKey`. */
  readonly partitionKey?: string
  /** The only hash keys that are read from here, where the reading had the option `hashKeys`. */
  readonly hashKeys?: HashKeys
}

/** Returns true for a place in a whole stream. */
export function isStreamPosition(from: Position | StreamPosition): from is StreamPosition {
  return typeof from === 'object' && 'streamId' in from
}

/** Converts a position, which the table of options has checked, to the protocol's form. */
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

/** Returns true if a reading between the two would end before it begins; only two times or two numbers can be compared. */
export function endsBeforeItBegins(from: Position | StreamPosition, until: Position): boolean {
  if (isStreamPosition(from)) return false
  const [first, end] = [toWirePosition(from), toWirePosition(until)]
  const [firstNumber, endNumber] = [numberOf(first), numberOf(end)]
  if (firstNumber !== undefined && endNumber !== undefined) return endNumber < firstNumber
  return first.timestamp !== undefined && end.timestamp !== undefined && end.timestamp < first.timestamp
}

/** Returns the number of the first record at or after a place in a shard; undefined for a position without a number. */
export function numberOf({ type, sequenceNumber }: WirePosition): number | undefined {
  return sequenceNumber === undefined
    ? undefined
    : sequenceNumber + (type === 'AFTER_SEQUENCE_NUMBER' ? 1 : 0)
}

/** Where a reading begins and ends, as the caller gave it. */
export interface Places {
  readonly from: Position | StreamPosition
  readonly until: Position | undefined
  readonly shard?: string | undefined
  readonly partitionKey?: string | undefined
  readonly hashKeys?: HashKeys | undefined
  /** What is read of the stream, where that is not all. */
  readonly only?: Pick<StreamPosition, 'partitionKey' | 'hashKeys'> | undefined
}

/**
 * Throws `invalidArgument` for an invalid position or shard, and for positions that would end a reading before it begins;
 * `invalidPosition` for the position of some keys where others are to be read.
 */
export function checkPlaces({ from, until, shard, partitionKey, hashKeys, only }: Places): void {
  checkPlace('from', from)
  checkPlace('until', until)
  checkPlace('shard', shard)
  if (shard !== undefined && partitionKey !== undefined) {
    throw new MillraceError(
      'invalidArgument',
      'A key is in one shard at a time: give partitionKey or shard, not both.',
    )
  }
  if (hashKeys !== undefined && partitionKey !== undefined) {
    throw new MillraceError(
      'invalidArgument',
      'A key has one hash key: give partitionKey or hashKeys, not both.',
    )
  }
  checkKeysOf(from, only)
  if (until === undefined || !endsBeforeItBegins(from, until)) return
  const message =
    `A reading cannot end before it begins: until is ${JSON.stringify(until)}, from is ${JSON.stringify(from)}. ` +
    'Give the earlier one as from.'
  throw new MillraceError('invalidArgument', message)
}

/** A position of some keys leaves out the shards of the others: to read them from there would skip their records. */
function checkKeysOf(from: Position | StreamPosition, only: Places['only']): void {
  if (!isStreamPosition(from)) return
  const { partitionKey, hashKeys } = from
  if (partitionKey !== undefined && partitionKey !== only?.partitionKey) {
    const key = JSON.stringify(partitionKey)
    throw new MillraceError(
      'invalidPosition',
      `The position is of a reading of the key ${key} alone. Give partitionKey: ${key}, or another position.`,
    )
  }
  if (hashKeys === undefined) return
  const [first, last] = [BigInt(hashKeys.from), BigInt(hashKeys.to)]
  const isWithin =
    only?.hashKeys !== undefined && BigInt(only.hashKeys.from) >= first && BigInt(only.hashKeys.to) <= last
  if (isWithin) return
  throw new MillraceError(
    'invalidPosition',
    `The position is of a reading of the hash keys from ${first} to ${last} alone. Give hashKeys within them, or another position.`,
  )
}

/** Returns true if the position is a place in one particular shard. */
export function isShardPosition(position: WirePosition): boolean {
  return position.sequenceNumber !== undefined
}
