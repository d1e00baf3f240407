// Load: sessions that ask for all of a stream, many times over, and never read their sockets. Runs in a load process. Every
// other session subscribes with all the credit that it may give; the others fetch, with many requests unanswered.
import { once } from 'node:events'
import { CONTROLLER, type Endpoint, parseUrl } from '../../../client/connecting/address.ts'
import { type Connection, openConnection } from '../../../client/connecting/connection.ts'
import { resolveSettings } from '../../../client/settings.ts'
import { limits } from '../../../protocol/limits.ts'
import type { RoutedShard } from '../../../protocol/structs.ts'
import type { LoadControl } from '../job.ts'
import { Crowd, type CrowdCount } from './crowd.ts'

export interface NeverReadersSettings {
  readonly url: string
  readonly stream: string
  readonly sessions: number
  /** No session begins after this time. */
  readonly deadlineMs: number
}

const ATTEMPTS_MAX = 64
/** Answers that a fetching session asks for at once. */
const FETCHES = 1000

/** Reports when all sessions have asked and stopped reading; ends them when it is stopped. */
export async function runNeverReaders(
  settings: NeverReadersSettings,
  control: LoadControl,
): Promise<CrowdCount> {
  const { streamId, shards, endpoints } = await routingOf(settings)
  let opened = 0
  const crowd = new Crowd({
    count: settings.sessions,
    endpoints,
    addresses: ['127.0.0.1'],
    attemptsMax: ATTEMPTS_MAX,
    deadlineMs: settings.deadlineMs,
    onOpen({ endpoint, connection, socket }) {
      const served = shards.filter(({ hostId }) => hostId === endpoint.hostId)
      if (opened++ % 2 === 0) subscribe(connection, streamId, served)
      else fetch(connection, streamId, served)
      socket.pause()
    },
  })
  await crowd.gather(control.stopped)
  control.ready()
  if (!control.stopped.aborted) await once(control.stopped, 'abort')
  const { count } = crowd
  crowd.disperse()
  return count
}

interface StreamRouting {
  readonly streamId: number
  readonly shards: readonly RoutedShard[]
  readonly endpoints: readonly Endpoint[]
}

async function routingOf({ url, stream, deadlineMs }: NeverReadersSettings): Promise<StreamRouting> {
  const controller = { ...parseUrl(url).addresses[0]!, hostId: CONTROLLER }
  const signal = AbortSignal.timeout(deadlineMs)
  const connection = await openConnection(controller, resolveSettings({}), signal)
  try {
    const { streamId, shards, hosts } = await connection.request('describeRouting', { name: stream })
    const endpoints = hosts.map(({ hostId, host, port }) => ({ hostId, host: host || controller.host, port }))
    return { streamId, shards, endpoints }
  } finally {
    connection.close(new Error('the routing is known'))
  }
}

function subscribe(connection: Connection, streamId: number, shards: readonly RoutedShard[]): void {
  for (const { index: shardIndex } of shards) {
    const position = { type: 'TRIM_HORIZON' as const, sequenceNumber: undefined, timestamp: undefined }
    const creditBytes = limits.subscriptionCreditBytesMax
    const request = { streamId, shardIndex, position, creditBytes, consumer: undefined }
    connection.send('subscribe', request, () => {})
  }
}

function fetch(connection: Connection, streamId: number, shards: readonly RoutedShard[]): void {
  const bytesMax = limits.fetchBytesMax
  const wanted = shards.map(({ index, startingSequenceNumber }) => ({
    streamId,
    shardIndex: index,
    sequenceNumber: startingSequenceNumber,
    bytesMax,
  }))
  for (let i = 0; i < FETCHES; i++) {
    connection.send('fetch', { shards: wanted, bytesMax, waitMs: 0 }, () => {})
  }
}
