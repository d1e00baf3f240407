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

/** Records between two positions. */
export interface PositionRange {
  readonly from: StreamPosition
  readonly to: StreamPosition
  /** Told of records that have expired since: at least so many of a shard, of which others may be missing that are not asked for. */
  readonly onMissing: (records: number) => void
  /** Told of records that cannot be read. */
  readonly onUnreadable?: (records: number) => void
}

/** Yields batches, each of one shard. What has expired since, or cannot be read, is left out. */
export async function* readRanges(
  client: Pick<Client, 'read' | 'listShards' | 'describeStream'>,
  { stream, hashKeys }: StreamShare,
  { from, to, onMissing, onUnreadable }: PositionRange,
  signal: AbortSignal,
): AsyncGenerator<readonly StreamRecord[], void, undefined> {
  const { id } = await client.describeStream(stream, { signal })
  if (id !== to.streamId)
    throw new MillraceError(
      'streamNotFound',
      `The stream ${stream} was deleted and made again: what the query has read of it is gone. Replace the query with a place to begin (--from).`,
    )
  const shards: ListedShard[] = []
  const known = new Set<string>()
  for await (const shard of client.listShards(stream, { signal })) {
    known.add(shard.shardId)
    if (holdsOneOf(shard, hashKeys)) shards.push(shard)
  }
  for (const [shardId, first] of Object.entries(from.shards)) {
    const until = to.shards[shardId] ?? first + 1
    if (!known.has(shardId) && first < until) onMissing(hashKeys === undefined ? until - first : 1)
  }
  for (const { shardId, from: first, until } of rangesBetween(from, to, shards)) {
    const read = (next: number, onTrimmed: 'fail' | 'horizon') =>
      client.read(stream, {
        shard: shardId,
        ...(hashKeys && { hashKeys }),
        from: { atSequenceNumber: next },
        ...(Number.isFinite(until) && { until: { atSequenceNumber: until } }),
        onTrimmed,
        onUnreadable: ({ firstSequenceNumber, nextSequenceNumber }) =>
          onUnreadable?.(nextSequenceNumber - firstSequenceNumber),
        signal,
      })
    let next = first
    try {
      for await (const records of read(next, 'fail').batches()) {
        yield records
        next = records.at(-1)!.sequenceNumber + 1
      }
      continue
    } catch (error) {
      if (!MillraceError.is(error, 'trimmed')) throw error
    }
    let isCounted = false
    for await (const records of read(next, 'horizon').batches()) {
      if (!isCounted) onMissing(missingBetween(next, records[0]!.sequenceNumber, hashKeys))
      isCounted = true
      yield records
    }
    if (!isCounted) onMissing(missingBetween(next, until, hashKeys))
  }
}

/** Numbers of a shard have no gaps, but where only some of its hash keys are read: then one is known to be missing. */
function missingBetween(next: number, until: number, hashKeys: HashKeys | undefined): number {
  return hashKeys === undefined && Number.isFinite(until) ? Math.max(1, until - next) : 1
}
