// A subscriber of every shard of a stream over plain connections. It notes each record when it is pushed, so that the
// checker can compare the log with what was shown before a crash. Runs in the test's process.
import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError } from '../../../protocol/index.ts'
import { describeRouting, recordsOf, shardNameOf } from '../../support/checker/full-read.ts'
import type { History } from '../../support/checker/history.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import type { Load } from './load.ts'

export interface SubscriberLoad extends Omit<Load, 'random'> {
  readonly port: number
}

const CREDIT_BYTES = 1 << 20
const RETRY_MS = 10
const POLL_MS = 2

/** How far each shard was followed, over all connections. */
interface Progress {
  /** The number at which to resume each shard. */
  readonly next: Map<number, number>
  /** Closed shards that were followed to their end. */
  readonly ended: Set<number>
}

/**
 * Follows the stream from its trim horizon until it is stopped; resumes after every lost connection. Children do not
 * wait for their parents: that is the client's task.
 */
export async function runSubscriber(options: SubscriberLoad): Promise<void> {
  const progress: Progress = { next: new Map(), ended: new Set() }
  while (!options.stopped.aborted) {
    await followOnce(options, progress).catch(async (error: unknown) => {
      // A lost connection is expected here; a wrong checksum never is.
      if (MillraceError.is(error, 'corruptData')) throw error
      await delay(RETRY_MS)
    })
  }
}

/** Ends when any connection or shard ends, because the routing has then changed. */
async function followOnce(options: SubscriberLoad, progress: Progress): Promise<void> {
  const { port, stream } = options
  const routing = await describeRouting(port, stream)
  const following: Promise<void>[] = []
  const connections: RawConnection[] = []
  try {
    for (const { hostId, host, port: hostPort } of routing.hosts) {
      const connection = await RawConnection.open(hostPort, { host })
      connections.push(connection)
      const isWanted = (shard: (typeof routing.shards)[number]) =>
        shard.hostId === hostId && !progress.ended.has(shard.index)
      const shards = routing.shards.filter(isWanted).map(({ index }) => index)
      following.push(followHost(options, { connection, streamId: routing.streamId, shards }, progress))
    }
    await Promise.race(following)
  } finally {
    for (const connection of connections) connection.close()
    await Promise.allSettled(following)
  }
}

interface HostShards {
  readonly connection: RawConnection
  readonly streamId: number
  readonly shards: readonly number[]
}

async function followHost(
  { history, name, stream, stopped }: SubscriberLoad,
  { connection, streamId, shards }: HostShards,
  { next, ended }: Progress,
): Promise<void> {
  const shardOf = new Map<number, number>()
  const runs = new Map<number, ReturnType<History['openRun']>>()
  for (const shardIndex of shards) {
    const from = next.get(shardIndex)
    const position =
      from === undefined
        ? ({ type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const)
        : ({ type: 'AT_SEQUENCE_NUMBER', sequenceNumber: from, timestamp: undefined } as const)
    const place = { streamId, shardIndex, position, consumer: undefined }
    const request = { ...place, creditBytes: CREDIT_BYTES }
    const { subscriptionId, sequenceNumber } = await connection.request('subscribe', request)
    shardOf.set(subscriptionId, shardIndex)
    next.set(shardIndex, sequenceNumber)
    runs.set(
      shardIndex,
      history.openRun({ reader: name, shard: shardNameOf(stream, shardIndex), from: sequenceNumber }),
    )
  }
  while (!stopped.aborted && !connection.socket.destroyed) {
    for (const event of connection.events.splice(0)) {
      if (event.event === 'subscriptionEnded') {
        if (event.body.code === 0) ended.add(shardOf.get(event.body.subscriptionId)!)
        return
      }
      if (event.event !== 'records') continue
      const { subscriptionId, batches, nextSequenceNumber } = event.body
      const shardIndex = shardOf.get(subscriptionId)!
      const from = next.get(shardIndex)!
      for (const batch of batches) runs.get(shardIndex)!.records.push(...recordsOf(batch, from))
      next.set(shardIndex, nextSequenceNumber)
      const bytes = batches.reduce((sum, batch) => sum + batch.length, 0)
      connection.send('credit', { subscriptionId, bytes })
    }
    await delay(POLL_MS)
  }
}
