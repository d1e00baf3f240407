// What a read needs of its stream: the shard, and what refusals of reads are to callers. Runs in the endpoint.
import { MillraceError } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import { shardIdOf } from '../../identifiers/shard-ids.ts'
import { KinesisError } from '../../model/errors.ts'
import { asKinesisError, type ErrorPlace } from '../../native-errors.ts'
import type { KnownShard, KnownStream } from '../known-stream.ts'
import type { KnownStreamCall } from '../known-streams.ts'
import type { RecordsContext } from '../parts.ts'

/** A shard to read. */
export interface ShardPlace {
  readonly name: string
  readonly shardIndex: number
}

/** The stream and its shard. A stream that does not exist is told as a shard that does not. */
export async function knownShard(
  context: RecordsContext,
  call: KnownStreamCall,
  place: ShardPlace,
): Promise<{ readonly stream: KnownStream; readonly known: KnownShard }> {
  const { streams, settings } = context
  const gone = shardGone(placeOf(call, settings.account, place.name), place.shardIndex)
  try {
    let stream = await streams.get(call, place.name)
    let known = stream.shard(shardIdOf(place.shardIndex))
    if (known === undefined) {
      // It may have been made since.
      stream = await streams.refreshed(call, stream)
      known = stream.shard(shardIdOf(place.shardIndex))
    }
    if (known === undefined) throw gone
    return { stream, known }
  } catch (error) {
    throw error instanceof KinesisError && error.code === 'ResourceNotFoundException' ? gone : error
  }
}

/** Does a read; a refusal becomes the error that answers it. */
export async function readErrors<T>(
  place: ErrorPlace,
  shardIndex: number,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw readError(error, place, shardIndex)
  }
}

function readError(error: unknown, place: ErrorPlace, shardIndex: number): unknown {
  if (!MillraceError.is(error)) return error
  const { account, stream } = place
  switch (error.code) {
    case 'streamNotFound':
    case 'shardNotFound':
      return shardGone(place, shardIndex)
    case 'provisionedThroughputExceeded': {
      const message = `Rate exceeded for Shard - ${account}/${stream ?? ''}/${shardIdOf(shardIndex)}`
      return new KinesisError('ProvisionedThroughputExceededException', message, { cause: error })
    }
    // Records that a native producer encrypted under a key that the endpoint does not have: no retry helps.
    case 'keyUnavailable':
    case 'decryptionFailed':
    case 'keyProviderFailed':
      return new KinesisError('KMSAccessDeniedException', error.message, { cause: error })
    default:
      return asKinesisError(error, place)
  }
}

function shardGone({ stream, account }: ErrorPlace, shardIndex: number): KinesisError {
  return new KinesisError(
    'ResourceNotFoundException',
    `Shard ${shardIdOf(shardIndex)} in stream ${stream ?? ''} under account ${account} does not exist`,
  )
}
