// Reads everything that a stream holds, shard by shard, by plain fetches on connections of its own: what the checker
// holds every promise against. Runs in the process of the test; it shares no code with the client's readers.
import {
  errorCodeOf,
  type FetchedShard,
  hashKeyFromBytes,
  limits,
  MillraceError,
  readRecords,
  type ResponseOf,
} from '../../protocol/index.ts'
import { type FinalRead, type ReadRecord, valueOf } from './history.ts'
import { RawConnection } from './raw-connection.ts'

/** `clicks/3`: how histories name a shard. */
export function shardNameOf(stream: string, shardIndex: number): string {
  return `${stream}/${shardIndex}`
}

export async function describeRouting(port: number, stream: string): Promise<ResponseOf<'describeRouting'>> {
  const controller = await RawConnection.open(port)
  try {
    return await controller.request('describeRouting', { name: stream })
  } finally {
    controller.close()
  }
}

/** Every shard of the stream, from its trim horizon to the tail it had when its read ended. */
export async function readFully(port: number, stream: string): Promise<FinalRead[]> {
  const routing = await describeRouting(port, stream)
  const finals: FinalRead[] = []
  for (const { hostId, port: hostPort } of routing.hosts) {
    const connection = await RawConnection.open(hostPort)
    try {
      for (const shard of routing.shards.filter((candidate) => candidate.hostId === hostId)) {
        const { index, startingHashKey, endingHashKey } = shard
        const range = { start: hashKeyFromBytes(startingHashKey), end: hashKeyFromBytes(endingHashKey) }
        const target = {
          streamId: routing.streamId,
          shardIndex: index,
          shardName: shardNameOf(stream, index),
        }
        finals.push({ ...(await readShard(connection, target)), range })
      }
    } finally {
      connection.close()
    }
  }
  return finals
}

interface ShardToRead {
  readonly streamId: number
  readonly shardIndex: number
  readonly shardName: string
}

async function readShard(connection: RawConnection, shard: ShardToRead): Promise<FinalRead> {
  const start = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
  const { streamId, shardIndex, shardName } = shard
  const resolved = await connection.request('resolvePosition', { streamId, shardIndex, position: start })
  const records: ReadRecord[] = []
  let from = resolved.sequenceNumber
  for (;;) {
    const answer = await fetchFrom(connection, shard, from)
    for (const batch of answer.batches) records.push(...recordsOf(batch, from))
    from = answer.nextSequenceNumber
    if (from >= answer.tail) {
      return { shard: shardName, trimHorizon: resolved.trimHorizon, tail: answer.tail, records }
    }
  }
}

async function fetchFrom(
  connection: RawConnection,
  { streamId, shardIndex, shardName }: ShardToRead,
  sequenceNumber: number,
): Promise<FetchedShard> {
  const bytesMax = limits.fetchBytesMax
  const shards = [{ streamId, shardIndex, sequenceNumber, bytesMax }]
  const answer = (await connection.request('fetch', { shards, bytesMax, waitMs: 0 })).shards[0]
  if (answer?.code === 0) return answer
  const code = errorCodeOf(answer?.code ?? 0)
  throw new MillraceError(code, `${shardName} cannot be read from ${sequenceNumber}: ${code}`)
}

/** The records of a batch, from a number on, as histories keep them. */
export function recordsOf(batch: Uint8Array, from: number): ReadRecord[] {
  return Array.from(readRecords(batch, { from }), ({ sequenceNumber, arrivalTime, partitionKey, data }) => ({
    sequenceNumber,
    arrivalTime,
    partitionKey,
    ...valueOf(data),
  }))
}
