// GetShardIterator: a place in a shard as an iterator. Runs in the endpoint.
// Only LATEST reads: it is the place after what is stored now. All others are looked for when the records are.
import { placeOf } from '../../book/stream-view.ts'
import type { Call } from '../../call.ts'
import {
  createdAtOf,
  normalSequenceNumber,
  parseKinesisSequenceNumber,
  SEQUENCE_NUMBER_END,
} from '../../identifiers/sequence-number.ts'
import { shardIdOf, shardIndexOf } from '../../identifiers/shard-ids.ts'
import { sealShardIterator, type IteratorPosition } from '../../identifiers/shard-iterator.ts'
import { KinesisError } from '../../model/errors.ts'
import type { OutputOf } from '../../model/operations.ts'
import { endDryRun } from '../dry-run.ts'
import type { KnownShard } from '../known-stream.ts'
import type { RecordsContext } from '../parts.ts'
import { readThrottled, resolveInShard, type FetchedShard } from './fetch-shard.ts'
import { withShard } from './readable.ts'

type GetShardIteratorCall = Call<'GetShardIterator'>

export async function getShardIterator(
  context: RecordsContext,
  call: GetShardIteratorCall,
): Promise<OutputOf<'GetShardIterator'>> {
  const { book, now, seal, settings, limits } = context
  const name = book.nameOf(call)
  const shardIndex = shardIndexOf(call.input.ShardId)
  if (shardIndex === undefined) {
    const message = `Could not find shard ${call.input.ShardId} in stream ${name} under account ${settings.account}.`
    throw new KinesisError('ResourceNotFoundException', message)
  }
  return withShard(context, call, { name, shardIndex, isAsked: true }, async (stream, known) => {
    const wanted = wantedPosition(context, call, { name, shardIndex, known })
    await endDryRun(context, call, 'read', name)
    const room = limits.of(stream)?.shard(known.shard.shardId, now())
    if (room?.takeIterator(now()) === false) {
      throw readThrottled(placeOf(call, settings.account, name), shardIndex)
    }
    const position = wanted ?? (await tailOf(context, call, { stream, known }))
    const iterator = { createdAtMs: now(), streamName: name, streamId: stream.view.id, shardIndex, position }
    return { ShardIterator: sealShardIterator(seal, iterator) }
  })
}

interface Place {
  readonly name: string
  readonly shardIndex: number
  readonly known: KnownShard
}

/** The position that a request names; undefined for the tail of the shard. */
function wantedPosition(
  context: RecordsContext,
  call: GetShardIteratorCall,
  place: Place,
): IteratorPosition | undefined {
  const { ShardIteratorType: type, StartingSequenceNumber: number, Timestamp } = call.input
  switch (type) {
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      if (number === undefined) throw mismatch(`${type} and no StartingSequenceNumber`)
      return positionOf(context, number, type, place)
    case 'AT_TIMESTAMP':
      if (number !== undefined) throw mismatch(`${type} and also a StartingSequenceNumber`)
      return { at: 'time', timeMs: checkedTime(Timestamp, context.now()) }
    case 'TRIM_HORIZON':
    case 'LATEST':
      if (number !== undefined) throw mismatch(`${type} and also a StartingSequenceNumber`)
      return type === 'LATEST' ? undefined : { at: 'horizon' }
  }
}

function mismatch(request: string): KinesisError {
  return new KinesisError(
    'InvalidArgumentException',
    'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
      `(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ${request}.`,
  )
}

function positionOf(
  { settings }: RecordsContext,
  text: string,
  type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER',
  { name, shardIndex, known: { shard } }: Place,
): IteratorPosition | undefined {
  const shardId = shardIdOf(shardIndex)
  const invalid = (why: string): KinesisError =>
    new KinesisError(
      'InvalidArgumentException',
      `StartingSequenceNumber ${normalSequenceNumber(text)} used in GetShardIterator on shard ${shardId} ` +
        `in stream ${name} under account ${settings.account} is invalid${why}.`,
    )
  const parsed = parseKinesisSequenceNumber(text)
  if (parsed === undefined) throw invalid('')
  if (parsed.shardIndex !== shardIndex) {
    throw new KinesisError(
      'InvalidArgumentException',
      `Invalid StartingSequenceNumber. It encodes ${shardIdOf(parsed.shardIndex)}, ` +
        `while it was used in a call to a shard with ${shardId}`,
    )
  }
  const isOfShard = parsed.shardCreatedSeconds * 1000 === createdAtOf(shard).getTime()
  if (parsed.version !== 2 || !isOfShard) throw invalid(' because it did not come from this stream')
  // After the end of a shard there is nothing: its tail does not move any more.
  if (parsed.sequenceNumber === SEQUENCE_NUMBER_END) return undefined
  const sequenceNumber = parsed.sequenceNumber + (type === 'AFTER_SEQUENCE_NUMBER' ? 1 : 0)
  return { at: 'sequenceNumber', sequenceNumber: Math.max(sequenceNumber, shard.startingSequenceNumber) }
}

function checkedTime(time: Date | undefined, now: number): number {
  if (time === undefined) {
    throw new KinesisError(
      'InvalidArgumentException',
      'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.',
    )
  }
  const timeMs = time.getTime()
  // The broker knows no time before 1970: all records are younger.
  if (timeMs <= now) return Math.max(0, timeMs)
  throw new KinesisError(
    'InvalidArgumentException',
    'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
      `timestampInMillis: ${timeMs}, currentTimestampInMillis: ${now}`,
  )
}

async function tailOf(
  context: RecordsContext,
  call: GetShardIteratorCall,
  shard: FetchedShard,
): Promise<IteratorPosition> {
  const { sequenceNumber } = await resolveInShard(context, call, shard, 'LATEST')
  return { at: 'sequenceNumber', sequenceNumber }
}
