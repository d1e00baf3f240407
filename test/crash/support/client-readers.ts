// Readers of a whole stream as applications write them, through the client. All deliveries of a reader over
// reconnections, splits and merges are one read, so a record that is skipped, repeated or out of order is a violation.
// They skip records that expire before they are read. Run in the test's process.
import { setTimeout as delay } from 'node:timers/promises'
import type { Reading } from '../../../client/index.ts'
import { parseShardId } from '../../../protocol/shards/shard-id.ts'
import { shardNameOf } from '../../support/checker/full-read.ts'
import { type StreamRead, valueOf } from '../../support/checker/history.ts'
import type { ClientLoad } from './load.ts'

/** Follows the stream by push from its first record. A complete reader is stopped only after every record was delivered. */
export async function runClientSubscriber(load: ClientLoad, isComplete = false): Promise<void> {
  const subscription = load.client.subscribe(load.stream, { from: 'TRIM_HORIZON', onTrimmed: 'horizon' })
  load.stopped.addEventListener('abort', () => void subscription.close())
  await noteAll(load, subscription, load.history.openStreamRead(load.name, { isComplete }))
}

/** Follows the stream by fetches from its first record. */
export async function runClientFollower(load: ClientLoad, isComplete = false): Promise<void> {
  const reading = load.client.read(load.stream, { follow: true, maxWaitMs: 200, onTrimmed: 'horizon' })
  load.stopped.addEventListener('abort', () => void reading.close())
  await noteAll(load, reading, load.history.openStreamRead(load.name, { isComplete }))
}

/** Reads the stream by fetches from its first record to its tail, repeatedly, with a pause in between. */
export async function runClientReader(load: ClientLoad, pauseMs = 0): Promise<void> {
  for (let pass = 0; !load.stopped.aborted; pass++) {
    const reading = load.client.read(load.stream, { onTrimmed: 'horizon' })
    const close = () => void reading.close()
    load.stopped.addEventListener('abort', close)
    const name = `${load.name}, pass ${pass}`
    await noteAll(load, reading, load.history.openStreamRead(name, { isComplete: false }))
    load.stopped.removeEventListener('abort', close)
    await delay(pauseMs, undefined, { signal: load.stopped }).catch(() => {})
  }
}

async function noteAll(
  { stream }: ClientLoad,
  reading: Reading<Uint8Array>,
  read: StreamRead,
): Promise<void> {
  for await (const { shardId, sequenceNumber, arrivalTime, partitionKey, bytes } of reading) {
    const record = { sequenceNumber, arrivalTime: arrivalTime.getTime(), partitionKey, ...valueOf(bytes) }
    read.deliver(shardNameOf(stream, parseShardId(shardId)), record)
  }
}
