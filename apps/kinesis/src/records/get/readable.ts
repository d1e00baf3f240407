// What a read needs of its stream: the shard. Runs in the endpoint.
import { MillraceError } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import { shardIdOf } from '../../identifiers/shard-ids.ts'
import { KinesisError } from '../../model/errors.ts'
import type { KnownShard, KnownStream } from '../known-stream.ts'
import type { KnownStreamCall } from '../known-streams.ts'
import type { RecordsContext } from '../parts.ts'
import { shardGone } from './fetch-shard.ts'

/** A shard to read. */
export interface ShardPlace {
  readonly name: string
  readonly shardIndex: number
  /** Whether the broker is asked about a stream that is known: nothing else of the request tells that it is gone. */
  readonly isAsked: boolean
}

/** A call that reads. */
type ReadCall = KnownStreamCall & { readonly signal: AbortSignal }

/**
 * Uses a shard that is known, and once more if the stream was deleted and made again meanwhile. A stream that does not exist is told as
 * a shard that does not.
 */
export async function withShard<T>(
  context: RecordsContext,
  call: ReadCall,
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
  call: ReadCall,
  place: ShardPlace,
): Promise<{ readonly stream: KnownStream; readonly known: KnownShard }> {
  const { streams, settings } = context
  const gone = shardGone(placeOf(call, settings.account, place.name), place.shardIndex)
  try {
    let stream = await (place.isAsked ? streams.current(call, place.name) : streams.get(call, place.name))
    let known = stream.shard(shardIdOf(place.shardIndex))
    if (known === undefined) {
      // It may have been made since.
      stream = await streams.refreshed(call, stream)
      known = stream.shard(shardIdOf(place.shardIndex))
    }
    // While the stream is being made it shows no shards, and has none to read.
    if (known === undefined || streams.status(stream, context.now()) === 'CREATING') throw gone
    return { stream, known }
  } catch (error) {
    throw error instanceof KinesisError && error.code === 'ResourceNotFoundException' ? gone : error
  }
}
