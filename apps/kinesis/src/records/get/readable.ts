// What a read needs of its stream: the shard, and what refusals of reads are to callers. Runs in the endpoint.
import { MillraceError } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import type { SequenceNumbers } from '../../identifiers/sequence-number.ts'
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

/**
 * Uses a shard that is known, and once more if the stream was deleted and made again meanwhile. A stream that does not exist is told as
 * a shard that does not.
 */
export async function withShard<T>(
  context: RecordsContext,
  call: KnownStreamCall,
  place: ShardPlace,
  use: (stream: KnownStream, known: KnownShard) => Promise<T>,
): Promise<T> {
  const { stream, known } = await knownShard(context, call, place)
  try {
    return await use(stream, known)
  } catch (error) {
    const cause = error instanceof KinesisError ? error.cause : undefined
    if (!MillraceError.is(cause, 'streamNotFound')) throw error
    await context.streams.refreshed(call, stream).catch(() => {})
    const anew = await knownShard(context, call, place)
    if (anew.stream.view.id === stream.view.id) throw error
    return use(anew.stream, anew.known)
  }
}

async function knownShard(
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

/** Does a read of a shard; a refusal becomes the error that answers it. */
export async function readErrors<T>(
  place: ErrorPlace,
  shardIndex: number,
  { numbers }: Pick<KnownShard, 'numbers'>,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw readError(error, place, shardIndex, numbers)
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

function shardGone({ stream, account }: ErrorPlace, shardIndex: number, cause?: unknown): KinesisError {
  return new KinesisError(
    'ResourceNotFoundException',
    `Shard ${shardIdOf(shardIndex)} in stream ${stream ?? ''} under account ${account} does not exist`,
    { cause },
  )
}
