// Reads what lies between two positions of a stream, and finds positions. Runs in the app.
import { MillraceError, type Client, type HashKeys, type StreamPosition, type StreamRecord } from 'millrace'
import type { QueryStart } from 'millrace/protocol'
import { holdsOneOf } from '../parts/part-range.ts'
import { rangesBetween, type ListedShard } from '../place/replay.ts'

/** A stream, and which of its records are read. */
export interface StreamShare {
  readonly stream: string
  /** Left out: all. */
  readonly hashKeys?: HashKeys | undefined
}

/** Returns the position at which a query begins. */
export async function beginOf(
  client: Pick<Client, 'read'>,
  { stream, hashKeys }: StreamShare,
  from: QueryStart,
  signal: AbortSignal,
): Promise<StreamPosition> {
  const options = { from, follow: true, onTrimmed: 'horizon', signal } as const
  await using reading = client.read(stream, { ...options, ...(hashKeys && { hashKeys }) })
  await reading.started
  return reading.position
}

/** Yields batches, each of one shard. What has expired since, or cannot be read, is left out. */
export async function* readRanges(
  client: Pick<Client, 'read' | 'listShards' | 'describeStream'>,
  { stream, hashKeys }: StreamShare,
  { from, to }: { readonly from: StreamPosition; readonly to: StreamPosition },
  signal: AbortSignal,
): AsyncGenerator<readonly StreamRecord[], void, undefined> {
  const { id } = await client.describeStream(stream, { signal })
  if (id !== to.streamId)
    throw new MillraceError(
      'streamNotFound',
      `The stream ${stream} was deleted and made again: what the query has read of it is gone. Replace the query with a place to begin (--from).`,
    )
  const shards: ListedShard[] = []
  for await (const shard of client.listShards(stream, { signal }))
    if (holdsOneOf(shard, hashKeys)) shards.push(shard)
  for (const { shardId, from: first, until } of rangesBetween(from, to, shards)) {
    const reading = client.read(stream, {
      shard: shardId,
      ...(hashKeys && { hashKeys }),
      from: { atSequenceNumber: first },
      ...(Number.isFinite(until) && { until: { atSequenceNumber: until } }),
      onTrimmed: 'horizon',
      onUnreadable: () => {},
      signal,
    })
    yield* reading.batches()
  }
}
