// Reads all records of a stream, shard by shard, by plain fetches on its own connections. The checker compares every
// promise with this. Runs in the test's process; shares no code with the client's readers.
import {
  errorCodeOf,
  type FetchedShard,
  hashKeyFromBytes,
  limits,
  MillraceError,
  type Position,
  readRecords,
  type ResponseOf,
} from '../../../protocol/index.ts'
import { type FinalRead, type History, type Lineage, type ReadRecord, valueOf } from './history.ts'
import { RawConnection } from '../raw-connection.ts'
import { outcomeOf } from '../rejection.ts'

/** A shard's name in histories, such as `clicks/3`. */
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

/** Asks for the open shards and notes the answer in the history. Returns their number. */
export async function seeEpoch(port: number, stream: string, history: History): Promise<number> {
  const told = history.askEpoch()
  const { epoch, shards } = await describeRouting(port, stream)
  const open = shards.filter(({ state }) => state === 'OPEN')
  told({
    epoch,
    open: open.map((shard) => ({ shard: shardNameOf(stream, shard.index), range: rangeOf(shard) })),
  })
  return open.length
}

/** Asks for every shard's trim horizon, and for the number below it, which must be refused; notes the answers. */
export async function seeHorizons(port: number, stream: string, history: History): Promise<void> {
  const { streamId, shards, hosts } = await describeRouting(port, stream)
  for (const { hostId, port: hostPort } of hosts) {
    const host = await RawConnection.open(hostPort)
    const ask = (shardIndex: number, place: { type: Position['type']; sequenceNumber?: number }) => {
      const position = { sequenceNumber: undefined, timestamp: undefined, ...place }
      return host.request('resolvePosition', { streamId, shardIndex, position })
    }
    const see = async ({ index }: { readonly index: number }) => {
      const { trimHorizon } = await ask(index, { type: 'TRIM_HORIZON' })
      const below = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: trimHorizon - 1 } as const
      const answer = trimHorizon === 0 ? undefined : await outcomeOf(ask(index, below))
      // No answer is noted: the host may have been killed in between.
      if (answer === 'connectionLost') throw new MillraceError(answer, `host ${hostId} went away`)
      history.seeHorizon({ shard: shardNameOf(stream, index), trimHorizon, below: answer })
    }
    try {
      await Promise.all(shards.filter((shard) => shard.hostId === hostId).map(see))
    } finally {
      host.close()
    }
  }
}

/** Reads every shard of the stream, closed ones too, from its trim horizon to its tail at the end of the read. */
export async function readFully(port: number, stream: string): Promise<FinalRead[]> {
  const controller = await RawConnection.open(port)
  const hosts = new Map<number, RawConnection>()
  try {
    const routing = await controller.request('describeRouting', { name: stream })
    for (const { hostId, port: hostPort } of routing.hosts)
      hosts.set(hostId, await RawConnection.open(hostPort))
    const lineages = await lineagesOf(controller, stream)
    const finals: FinalRead[] = []
    for (const shard of routing.shards) {
      const shardName = shardNameOf(stream, shard.index)
      const target = { streamId: routing.streamId, shardIndex: shard.index, shardName }
      const lineage = lineages.get(shard.index)
      // The shard has expired meanwhile: there is nothing to compare.
      if (lineage === undefined) continue
      finals.push({ ...(await readShard(hosts.get(shard.hostId)!, target)), range: rangeOf(shard), lineage })
    }
    return finals
  } finally {
    controller.close()
    for (const host of hosts.values()) host.close()
  }
}

async function lineagesOf(controller: RawConnection, stream: string): Promise<Map<number, Lineage>> {
  const found = new Map<number, Lineage>()
  for (let after: number | undefined, hasMore = true; hasMore;) {
    const page = { name: stream, limit: limits.listPageMax, exclusiveStartIndex: after }
    const answer = await controller.request('listShards', page)
    for (const { index, parents, state, startingSequenceNumber, endingSequenceNumber } of answer.shards) {
      found.set(index, {
        parents: parents.map((parent) => shardNameOf(stream, parent)),
        isClosed: state === 'CLOSED',
        startingSequenceNumber,
        endingSequenceNumber,
      })
      after = index
    }
    hasMore = answer.hasMore
  }
  return found
}

function rangeOf(shard: { readonly startingHashKey: Uint8Array; readonly endingHashKey: Uint8Array }) {
  return { start: hashKeyFromBytes(shard.startingHashKey), end: hashKeyFromBytes(shard.endingHashKey) }
}

interface ShardToRead {
  readonly streamId: number
  readonly shardIndex: number
  readonly shardName: string
}

/**
 * Reads one shard; begins again if old records expire during the read. A number refused as trimmed must lie below a
 * horizon that rose.
 */
async function readShard(connection: RawConnection, shard: ShardToRead): Promise<FinalRead> {
  const position = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
  const { streamId, shardIndex } = shard
  for (let before = -1; ;) {
    const resolved = await connection.request('resolvePosition', { streamId, shardIndex, position })
    try {
      return await readShardFrom(connection, shard, resolved)
    } catch (error) {
      if (!MillraceError.is(error, 'trimmed') || resolved.trimHorizon <= before) throw error
      before = resolved.trimHorizon
    }
  }
}

async function readShardFrom(
  connection: RawConnection,
  shard: ShardToRead,
  { sequenceNumber, trimHorizon }: ResponseOf<'resolvePosition'>,
): Promise<FinalRead> {
  const records: ReadRecord[] = []
  let from = sequenceNumber
  for (;;) {
    const answer = await fetchFrom(connection, shard, from)
    for (const batch of answer.batches) records.push(...recordsOf(batch, from))
    from = answer.nextSequenceNumber
    if (from >= answer.tail) return { shard: shard.shardName, trimHorizon, tail: answer.tail, records }
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

/** The records of a batch from number `from`, in the form of histories. */
export function recordsOf(batch: Uint8Array, from: number): ReadRecord[] {
  return Array.from(readRecords(batch, { from }), ({ sequenceNumber, arrivalTime, partitionKey, data }) => ({
    sequenceNumber,
    arrivalTime,
    partitionKey,
    ...valueOf(data),
  }))
}
