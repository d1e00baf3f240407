// One read of a shard by the caller's client, and what refusals of it are to callers. Runs in the endpoint.
import { MillraceError, type Fetched, type FetchOptions } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import type { Call } from '../../call.ts'
import type { SequenceNumbers } from '../../identifiers/sequence-number.ts'
import { shardIdOf, shardIndexOf } from '../../identifiers/shard-ids.ts'
import { KinesisError } from '../../model/errors.ts'
import { asKinesisError, type ErrorPlace } from '../../native-errors.ts'
import type { KnownShard, KnownStream } from '../known-stream.ts'
import type { RecordsContext } from '../parts.ts'
import { ANSWER_TIMEOUT_MS } from '../patience.ts'

/** A shard of a stream as it is known: the broker refuses the read if it is another one by now. */
export interface FetchedShard {
  readonly stream: KnownStream
  readonly known: KnownShard
}

/** Reads a shard. While the broker does not answer it waits, as long as a client does, and then says that it can be tried again. */
export async function fetchShard(
  { settings }: Pick<RecordsContext, 'settings'>,
  call: Call<'GetRecords' | 'GetShardIterator'>,
  { stream: { view }, known }: FetchedShard,
  options: Pick<FetchOptions, 'from' | 'recordsMax' | 'bytesMax' | 'onTrimmed'>,
): Promise<Fetched> {
  const { shardId } = known.shard
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), ANSWER_TIMEOUT_MS)
  const signal = AbortSignal.any([call.signal, late.signal])
  try {
    return await call.caller.client.fetch(view.name, {
      ...options,
      shard: shardId,
      streamId: view.id,
      signal,
    })
  } catch (error) {
    if (late.signal.aborted) {
      throw new KinesisError('ServiceUnavailableException', 'The broker does not answer.', { cause: error })
    }
    const place = placeOf(call, settings.account, view.name)
    throw readError(error, place, shardIndexOf(shardId) ?? 0, known.numbers)
  } finally {
    clearTimeout(timer)
  }
}

function readError(error: unknown, place: ErrorPlace, shardIndex: number, numbers: SequenceNumbers): unknown {
  if (!MillraceError.is(error)) return error
  const { account, stream } = place
  switch (error.code) {
    case 'streamNotFound':
    case 'shardNotFound':
      return shardGone(place, shardIndex, error)
    case 'provisionedThroughputExceeded': {
      const message = `Rate exceeded for Shard - ${account}/${stream ?? ''}/${shardIdOf(shardIndex)}`
      return new KinesisError('ProvisionedThroughputExceededException', message, { cause: error })
    }
    case 'corruptData':
      return new KinesisError('InternalFailureException', wayOn(error, numbers), { cause: error })
    // Records that a native producer encrypted under a key that the endpoint does not have: no retry helps.
    case 'keyUnavailable':
    case 'decryptionFailed':
    case 'keyProviderFailed':
      return new KinesisError('KMSAccessDeniedException', wayOn(error, numbers), { cause: error })
    default:
      return asKinesisError(error, place)
  }
}

/** What cannot be read is never passed over in silence: the error says how to go on behind it. */
function wayOn({ message, nextSequenceNumber }: MillraceError, numbers: SequenceNumbers): string {
  if (nextSequenceNumber === undefined) return message
  // Only the counter of a number decides where an iterator begins.
  const last = numbers.of(nextSequenceNumber - 1, 0)
  return `${message} To go on behind these records, get an iterator AFTER_SEQUENCE_NUMBER ${last}.`
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
