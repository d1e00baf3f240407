// A producer of whole batches, without idempotence and retries: every answer about a batch is final, so the checker can
// compare each with the log. Runs in the test's process.
import { setTimeout as delay } from 'node:timers/promises'
import {
  errorCodeOf,
  hashKeyFromBytes,
  hashPartitionKey,
  MillraceError,
  ShardMap,
} from '../../../protocol/index.ts'
import { describeRouting, shardNameOf } from '../../support/checker/full-read.ts'
import { payloadOf } from '../../support/checker/history.ts'
import { batchOf, RawConnection } from '../../support/raw-connection.ts'
import type { Load } from './load.ts'

export interface BatchLoad extends Load {
  readonly port: number
}

const KEYS = 8
const BATCH_RECORDS_MAX = 20
const RECORD_BYTES_MAX = 2000
const RETRY_MS = 10

/** Appends until it is stopped, through every restart of the broker. The broker's errors never make it reject. */
export async function runBatchProducer(options: BatchLoad): Promise<void> {
  let sent = 0
  while (!options.stopped.aborted) {
    const route = await openRoute(options).catch(() => undefined)
    if (!route) {
      await delay(RETRY_MS)
      continue
    }
    while (!options.stopped.aborted && !route.isClosed()) sent = await appendOnce(options, route, sent)
    route.close()
  }
}

interface Route {
  /** The shard's index, and the connection to its host. */
  to(partitionKey: string): { readonly shardIndex: number; readonly host: RawConnection }
  readonly streamId: number
  isClosed(): boolean
  close(): void
}

async function openRoute({ port, stream }: BatchLoad): Promise<Route> {
  const routing = await describeRouting(port, stream)
  const hosts = new Map<number, RawConnection>()
  for (const { hostId, host, port: hostPort } of routing.hosts) {
    hosts.set(hostId, await RawConnection.open(hostPort, { host }))
  }
  const open = routing.shards.filter(({ state }) => state === 'OPEN')
  const map = new ShardMap(
    open.map(({ index, startingHashKey, endingHashKey }) => ({
      index,
      range: { start: hashKeyFromBytes(startingHashKey), end: hashKeyFromBytes(endingHashKey) },
    })),
  )
  const hostOf = new Map(open.map(({ index, hostId }) => [index, hosts.get(hostId)!]))
  const words = new Uint32Array(4)
  return {
    streamId: routing.streamId,
    to(partitionKey) {
      hashPartitionKey(partitionKey, words, 0)
      const shardIndex = map.route(words)
      return { shardIndex, host: hostOf.get(shardIndex)! }
    },
    isClosed: () => [...hosts.values()].some((host) => host.socket.destroyed),
    close() {
      for (const host of hosts.values()) host.close()
    },
  }
}

/** Appends one batch of one key and waits for the answer. Returns the number of values used so far. */
async function appendOnce(options: BatchLoad, route: Route, sent: number): Promise<number> {
  const { history, random, name, stream } = options
  const partitionKey = `${name}-${random.below(KEYS)}`
  const values = Array.from(
    { length: 1 + random.below(BATCH_RECORDS_MAX) },
    (_, index) => `${name}.${sent + index}`,
  )
  const bytes = random.below(RECORD_BYTES_MAX)
  const batch = batchOf(values.map((value) => ({ partitionKey, data: payloadOf(value, bytes) })))
  const { shardIndex, host } = route.to(partitionKey)
  const records = values.map((value) => ({ value, partitionKey }))
  const call = history.invoke({ producer: name, idempotent: false, records })
  try {
    const answer = await host.request('append', {
      batches: [{ streamId: route.streamId, shardIndex, batch, producerSecret: undefined }],
    })
    const { code, baseSequenceNumber, message } = answer.results[0]!
    if (code !== 0) throw new MillraceError(errorCodeOf(code), message ?? '')
    const numbers = values.map((_, index) => baseSequenceNumber + index)
    call.ok(shardNameOf(stream, shardIndex), numbers)
  } catch (error) {
    call.failed(error)
    // A refused append may be refused again at once: the pause leaves processor time to the test.
    await delay(RETRY_MS)
  }
  return sent + values.length
}
