// One read of a shard by the caller's client, and what refusals of it are to callers. Runs in the endpoint.
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, type Client, type Fetched, type FetchOptions, type ResolvedPosition } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import type { Call } from '../../call.ts'
import type { SequenceNumbers } from '../../identifiers/sequence-number.ts'
import { shardIdOf, shardIndexOf } from '../../identifiers/shard-ids.ts'
import { KinesisError } from '../../model/errors.ts'
import { asKinesisError, type ErrorPlace } from '../../native-errors.ts'
import { unreadable } from '../unreadable.ts'
import type { KnownShard, KnownStream } from '../known-stream.ts'
import type { RecordsContext } from '../parts.ts'
import { inTime } from '../patience.ts'

/** A shard of a stream as it is known: the broker refuses the read if it is another one by now. */
export interface FetchedShard {
  readonly stream: KnownStream
  readonly known: KnownShard
}

/** The broker charges whole batches, and requests that a read takes beyond its first: so long is waited for what the service allows. */
const LEEWAY_MS = 2000

type ReadContext = Pick<RecordsContext, 'settings'>
type ReadCall = Call<'GetRecords' | 'GetShardIterator'>
type Position = FetchOptions['from']
type ReadOptions = Pick<FetchOptions, 'from' | 'recordsMax' | 'bytesMax' | 'onTrimmed'> & {
  /** The limits of the shard, as the service counts them, allow it. */
  readonly isAdmitted?: boolean
}

/** Reads a shard. While the broker does not answer it waits, as long as a client does, and then says that it can be tried again. */
export function fetchShard(
  context: ReadContext,
  call: ReadCall,
  shard: FetchedShard,
  { isAdmitted = false, ...options }: ReadOptions,
): Promise<Fetched> {
  return askShard(context, call, shard, (client, name, which) =>
    patiently(isAdmitted ? LEEWAY_MS : 0, which.signal, () => client.fetch(name, { ...options, ...which })),
  )
}

/** Resolves a position in a shard. It counts for no limit of reads. */
export function resolveInShard(
  context: ReadContext,
  call: ReadCall,
  shard: FetchedShard,
  from: Position,
): Promise<ResolvedPosition> {
  return askShard(context, call, shard, (client, name, which) =>
    client.resolvePosition(name, { ...which, from }),
  )
}

/** Does the work, and again where limits refuse it and say that it need not wait for longer than this in all. */
async function patiently<T>(totalMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let leftMs = totalMs; ;) {
    try {
      return await work()
    } catch (error) {
      if (!MillraceError.is(error, 'provisionedThroughputExceeded')) throw error
      const { retryAfterMs = Infinity } = error
      leftMs -= Math.max(1, retryAfterMs)
      if (leftMs < 0) throw error
      await sleep(retryAfterMs, undefined, { signal })
    }
  }
}

interface Which {
  readonly shard: string
  readonly streamId: number
  readonly signal: AbortSignal
}

async function askShard<T>(
  { settings }: ReadContext,
  call: ReadCall,
  { stream: { view }, known }: FetchedShard,
  ask: (client: Client, name: string, which: Which) => Promise<T>,
): Promise<T> {
  const { shardId } = known.shard
  try {
    return await inTime(call.signal, (signal) =>
      ask(call.caller.client, view.name, { shard: shardId, streamId: view.id, signal }),
    )
  } catch (error) {
    const place = placeOf(call, settings.account, view.name)
    throw readError(error, place, shardIndexOf(shardId) ?? 0, known.numbers)
  }
}

function readError(error: unknown, place: ErrorPlace, shardIndex: number, numbers: SequenceNumbers): unknown {
  if (!MillraceError.is(error)) return error
  switch (error.code) {
    case 'streamNotFound':
    case 'shardNotFound':
      return shardGone(place, shardIndex, error)
    case 'provisionedThroughputExceeded':
      return readThrottled(place, shardIndex, error)
    default:
      return unreadable(error, numbers) ?? asKinesisError(error, place)
  }
}

/** The error about a shard whose limits of reads are used up. */
export function readThrottled(
  { stream, account }: ErrorPlace,
  shardIndex: number,
  cause?: unknown,
): KinesisError {
  const message = `Rate exceeded for Shard - ${account}/${stream ?? ''}/${shardIdOf(shardIndex)}`
  return new KinesisError('ProvisionedThroughputExceededException', message, { cause })
}

/** The error about a shard that is not there. */
export function shardGone(
  { stream, account }: ErrorPlace,
  shardIndex: number,
  cause?: unknown,
): KinesisError {
  return new KinesisError(
    'ResourceNotFoundException',
    `Shard ${shardIdOf(shardIndex)} in stream ${stream ?? ''} under account ${account} does not exist`,
    { cause },
  )
}
