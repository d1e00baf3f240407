// What a put needs of its stream: that it takes records, a producer with room, and the numbers of what was stored. Runs in the endpoint.
import { placeOf } from '../../book/stream-view.ts'
import type { Acknowledgement, MillraceError, Producer } from 'millrace'
import { KinesisError } from '../../model/errors.ts'
import { streamNotFound, translated, type ErrorPlace } from '../../native-errors.ts'
import type { KnownStream } from '../known-stream.ts'
import type { KnownStreamCall } from '../known-streams.ts'
import type { RecordsContext } from '../parts.ts'

/** The stream of this name, if it takes records: while it is being made or deleted, it is not there for those who write. */
export async function writableStream(
  { streams, now, settings }: RecordsContext,
  call: KnownStreamCall,
  name: string,
): Promise<KnownStream> {
  const stream = await streams.get(call, name)
  const status = streams.status(stream, now())
  if (status === 'ACTIVE' || status === 'UPDATING') return stream
  throw streamNotFound(placeOf(call, settings.account, name))
}

/** The producer of a stream, once it has room for a whole request: the caller must use the room in the same turn. */
export async function readyProducer(
  { settings }: RecordsContext,
  call: KnownStreamCall,
  stream: KnownStream,
): Promise<Producer> {
  const producer = await translated(placeOf(call, settings.account, stream.view.name), () =>
    stream.producer(),
  )
  for (let room = producer.ready(); room !== undefined; room = producer.ready()) await room
  return producer
}

/**
 * The stream that took a record: the one that is known, or that of now, if the shard is a new one, or the stream was deleted and made
 * again.
 */
export function streamOf(
  { streams }: RecordsContext,
  call: KnownStreamCall,
  stream: KnownStream,
  { streamId, shardId }: Acknowledgement,
): Promise<KnownStream> | KnownStream {
  if (streamId === stream.view.id && stream.shard(shardId) !== undefined) return stream
  return streams.refreshed(call, stream)
}

/** The sequence number of a record that was stored. */
export function sequenceNumberOf(
  stream: KnownStream,
  { shardId, sequenceNumber, arrivalTime }: Acknowledgement,
): string {
  const known = stream.shard(shardId)
  if (known === undefined) throw new Error(`The broker stored a record in ${shardId}, and does not list it.`)
  return known.numbers.of(sequenceNumber, arrivalTime.getTime())
}

/** The error of a record that the broker refused for the limits of its shard: it names the shard that refused it last. */
export function throttledError(error: MillraceError, place: ErrorPlace): KinesisError {
  return rateExceeded(error.shardId ?? error.attempts?.at(-1)?.shardId ?? '', place, error)
}

/** The error of a record for which a shard has no room at this time. */
export function rateExceeded(
  shardId: string,
  { stream, account }: ErrorPlace,
  cause?: unknown,
): KinesisError {
  const message = `Rate exceeded for shard ${shardId} in stream ${stream ?? ''} under account ${account}.`
  return new KinesisError('ProvisionedThroughputExceededException', message, { cause })
}
