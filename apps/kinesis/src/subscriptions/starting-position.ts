// Where a subscription starts, from the API's words to a native position. Pure. The texts are the service's.
import type { Position, Shard } from 'millrace'
import {
  createdAtOf,
  parseKinesisSequenceNumber,
  SEQUENCE_NUMBER_END,
  type ParsedSequenceNumber,
} from '../identifiers/sequence-number.ts'
import { shardIdOf, shardIndexOf } from '../identifiers/shard-ids.ts'
import { KinesisError } from '../model/errors.ts'
import type { InputOf } from '../model/operations.ts'

type Start = InputOf<'SubscribeToShard'>['StartingPosition']

/** What a position is checked against. */
export interface StartContext {
  readonly shard: Shard
  readonly stream: string
  readonly account: string
  readonly nowMs: number
}

/** Throws InvalidArgumentException for a position that makes no sense, or is of another shard. */
export function nativeStart(start: Start, context: StartContext): Position {
  const { Type: type, SequenceNumber: text, Timestamp: time } = start
  switch (type) {
    case 'TRIM_HORIZON':
    case 'LATEST':
      if (text !== undefined) throw contradiction(type, 'and also a StartingSequenceNumber')
      return type
    case 'AT_TIMESTAMP':
      if (time === undefined) throw withoutTime()
      if (time.getTime() > context.nowMs) throw inFuture(time, context.nowMs)
      // The broker knows no time before 1970: all records are younger.
      return { atTimestamp: Math.max(0, time.getTime()) }
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER': {
      if (text === undefined) throw contradiction(type, 'and no StartingSequenceNumber')
      const { sequenceNumber } = numberOfShard(text, context)
      const { startingSequenceNumber, endingSequenceNumber } = context.shard
      if (sequenceNumber === SEQUENCE_NUMBER_END) {
        return { atSequenceNumber: (endingSequenceNumber ?? startingSequenceNumber - 1) + 1 }
      }
      const at = type === 'AT_SEQUENCE_NUMBER' ? sequenceNumber : sequenceNumber + 1
      // A shard begins below its first record.
      return { atSequenceNumber: Math.max(at, startingSequenceNumber) }
    }
  }
}

function numberOfShard(text: string, { shard, stream, account }: StartContext): ParsedSequenceNumber {
  const where = `used in SubscribeToShard on shard ${shard.shardId} in stream ${stream} under account ${account}`
  const number = parseKinesisSequenceNumber(text)
  if (number === undefined) throw invalid(`StartingSequenceNumber ${text} ${where} is invalid.`)
  if (number.shardIndex !== shardIndexOf(shard.shardId)) {
    throw invalid(
      `Invalid StartingSequenceNumber. It encodes ${shardIdOf(number.shardIndex)}, while it was used in a call to a shard with ${shard.shardId}`,
    )
  }
  const isOfStream =
    number.version === 2 && number.shardCreatedSeconds === createdAtOf(shard).getTime() / 1000
  if (isOfStream) return number
  throw invalid(
    `StartingSequenceNumber ${text} ${where} is invalid because it did not come from this stream.`,
  )
}

function contradiction(type: string, what: string): KinesisError {
  return invalid(
    'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
      '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
      `Request specified ${type} ${what}.`,
  )
}

function withoutTime(): KinesisError {
  return invalid(
    'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.',
  )
}

function inFuture(time: Date, nowMs: number): KinesisError {
  return invalid(
    'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
      `timestampInMillis: ${time.getTime()}, currentTimestampInMillis: ${nowMs}`,
  )
}

function invalid(message: string): KinesisError {
  return new KinesisError('InvalidArgumentException', message)
}
