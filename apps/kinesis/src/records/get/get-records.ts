// GetRecords: the records of a shard from an iterator on. Runs in the endpoint.
// At the end of a closed shard the answer has its children and no iterator, and never one without the other: readers of the service
// rely on that to go on.
import type { Fetched } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import type { Call } from '../../call.ts'
import {
  openShardIterator,
  sealShardIterator,
  type IteratorPosition,
  type ShardIterator,
} from '../../identifiers/shard-iterator.ts'
import { KinesisError } from '../../model/errors.ts'
import type { OutputOf } from '../../model/operations.ts'
import { endDryRun } from '../dry-run.ts'
import type { RecordsContext } from '../parts.ts'
import { fetchShard, readThrottled, type FetchedShard } from './fetch-shard.ts'
import { withShard } from './readable.ts'
import { isKeyless } from '../keyless.ts'
import { recordsOf } from './shown-records.ts'

type GetRecordsCall = Call<'GetRecords'>

const ITERATOR_LIFE_MS = 300_000
const RECORDS_MAX = 10_000
/** What stands around the data of a record in an answer. */
const AROUND_RECORD_BYTES = 256

export async function getRecords(
  context: RecordsContext,
  call: GetRecordsCall,
): Promise<OutputOf<'GetRecords'>> {
  const { seal, now, streams, limits, settings } = context
  const iterator = checkedIterator(context, call)
  const { streamName, shardIndex } = iterator
  const place = { name: streamName, shardIndex, isAsked: call.input.DryRun === true }
  if (place.isAsked) await withShard(context, call, place, () => endDryRun(context, call, 'read', streamName))
  const share = await context.readRoom.take(call.signal)
  // It has been taken, or nobody wants it any more.
  call.signal.addEventListener('abort', share.end, { once: true })
  let kept = 0
  try {
    return await withShard(context, call, place, async (stream, known) => {
      const room = limits.of(stream)?.shard(known.shard.shardId, now())
      if (room?.takeRead(now()) === false) {
        throw readThrottled(placeOf(call, settings.account, streamName), shardIndex)
      }
      const shard = { stream, known, isAdmitted: room !== undefined }
      const fetched = await fetch(context, call, iterator, shard, share.bytes)
      kept = heldBytes(fetched)
      room?.returned(returnedBytes(fetched), now())
      const streamId = stream.view.id
      const position = { at: 'sequenceNumber', sequenceNumber: fetched.next } as const
      const next = { createdAtMs: now(), streamName, streamId, shardIndex, position }
      const isEnd = fetched.isEnd && fetched.children.length > 0
      return {
        Records: recordsOf(fetched.records, known.numbers, streams.facts(stream)),
        ...(isEnd
          ? { ChildShards: fetched.children.map(childOf) }
          : { NextShardIterator: sealShardIterator(seal, next) }),
        MillisBehindLatest: Math.max(0, Math.round(fetched.millisBehind)),
      }
    })
  } finally {
    share.keep(kept)
  }
}

function heldBytes({ records }: Fetched): number {
  return records.reduce((sum, { bytes }) => sum + bytes.length + AROUND_RECORD_BYTES, 0)
}

function checkedIterator(context: RecordsContext, call: GetRecordsCall): ShardIterator {
  const { book, seal, now } = context
  const { ShardIterator: text, StreamARN } = call.input
  const iterator = openShardIterator(seal, text)
  const isOfArn = StreamARN === undefined || book.nameOf(call) === iterator?.streamName
  if (iterator === undefined || !isOfArn) {
    throw new KinesisError('InvalidArgumentException', 'Invalid ShardIterator.')
  }
  const time = now()
  if (time - iterator.createdAtMs <= ITERATOR_LIFE_MS) return iterator
  throw new KinesisError(
    'ExpiredIteratorException',
    `Iterator expired. The iterator was created at time ${printedTime(iterator.createdAtMs)} while right now it is ` +
      `${printedTime(time)} which is further in the future than the tolerated delay of ${ITERATOR_LIFE_MS} milliseconds.`,
  )
}

/** Reads from an iterator's place; in a stream that was made again under the name, that is its oldest record. */
function fetch(
  context: RecordsContext,
  call: GetRecordsCall,
  { streamId, position }: ShardIterator,
  { isAdmitted, ...shard }: FetchedShard & { readonly isAdmitted: boolean },
  bytesMax: number,
): Promise<Fetched> {
  return fetchShard(context, call, shard, {
    from: shard.stream.view.id === streamId ? nativePosition(position) : 'TRIM_HORIZON',
    recordsMax: call.input.Limit ?? RECORDS_MAX,
    bytesMax,
    onTrimmed: 'horizon',
    isAdmitted,
  })
}

/** Data and keys, as limits count them. */
function returnedBytes({ records }: Fetched): number {
  let sum = 0
  for (const { bytes, partitionKey, headers } of records) {
    sum += bytes.length + (isKeyless(headers) ? 0 : Buffer.byteLength(partitionKey))
  }
  return sum
}

function nativePosition(position: IteratorPosition) {
  switch (position.at) {
    case 'sequenceNumber':
      return { atSequenceNumber: position.sequenceNumber }
    case 'time':
      return { atTimestamp: position.timeMs }
    case 'horizon':
      return 'TRIM_HORIZON' as const
  }
}

function childOf({ shardId, parentShardIds, hashKeyRange }: Fetched['children'][number]) {
  return {
    ShardId: shardId,
    ParentShards: [...parentShardIds],
    HashKeyRange: {
      StartingHashKey: hashKeyRange.startingHashKey,
      EndingHashKey: hashKeyRange.endingHashKey,
    },
  }
}

/** As the service prints times in errors: 'Thu Jan 22 01:22:02 UTC 2015'. */
function printedTime(timeMs: number): string {
  const [day, date, month, year, time] = new Date(timeMs).toUTCString().replace(',', '').split(' ')
  return `${day} ${month} ${date} ${time} UTC ${year}`
}
