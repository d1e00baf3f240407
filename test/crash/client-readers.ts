// Readers as applications write them, through the client: what they deliver over every reconnection is one run, so a
// record passed over or delivered twice by a resumption is a violation. Run in the process of the test.
import type { Reading } from '../../client/index.ts'
import { parseShardId } from '../../protocol/shard-id.ts'
import { shardNameOf } from '../support/full-read.ts'
import { type ReadRun, valueOf } from '../support/history.ts'
import type { ClientLoad } from './load.ts'

/** Follows the stream by push, from its first record. */
export async function runClientSubscriber(load: ClientLoad): Promise<void> {
  const subscription = load.client.subscribe(load.stream, { from: 'TRIM_HORIZON' })
  load.stopped.addEventListener('abort', () => void subscription.close())
  await noteAll(load, subscription)
}

/** Reads the stream from its first record to its tail, by fetches, over and over. */
export async function runClientReader(load: ClientLoad): Promise<void> {
  for (let pass = 0; !load.stopped.aborted; pass++) {
    const reading = load.client.read(load.stream)
    const close = () => void reading.close()
    load.stopped.addEventListener('abort', close)
    await noteAll({ ...load, name: `${load.name}, pass ${pass}` }, reading)
    load.stopped.removeEventListener('abort', close)
  }
}

async function noteAll({ history, name, stream }: ClientLoad, reading: Reading<Uint8Array>): Promise<void> {
  const runs = new Map<string, ReadRun>()
  for await (const { shardId, sequenceNumber, arrivalTime, partitionKey, bytes } of reading) {
    let run = runs.get(shardId)
    if (!run) {
      run = history.openRun({ reader: name, shard: shardNameOf(stream, parseShardId(shardId)), from: 0 })
      runs.set(shardId, run)
    }
    run.records.push({ sequenceNumber, arrivalTime: arrivalTime.getTime(), partitionKey, ...valueOf(bytes) })
  }
}
