// Producers as applications write them, through the client: idempotent, with retries and re-routing, never stopped
// early. Run in the test's process. Each record's promise is one call in the history.
import { parseShardId } from '../../../protocol/shards/shard-id.ts'
import { shardNameOf } from '../../support/checker/full-read.ts'
import { payloadOf } from '../../support/checker/history.ts'
import type { ClientLoad } from './load.ts'

const KEYS = 8
const IN_FLIGHT_MAX = 100
const BURST_MAX = 20
const RECORD_BYTES_MAX = 1000

interface Sent {
  readonly partitionKey: string
  readonly data: Uint8Array
}

type Send = (record: Sent) => Promise<{ readonly shardId: string; readonly sequenceNumber: number }>

/** Keeps many records under way through one producer, in bursts, until it is stopped; then waits until all are settled. */
export async function runPipelinedProducer(load: ClientLoad): Promise<void> {
  const producer = await load.client.producer(load.stream)
  const open = new Set<Promise<void>>()
  for (let sent = 0; !load.stopped.aborted;) {
    for (let burst = load.random.below(BURST_MAX); burst >= 0; burst--) {
      const settled = note(load, sent++, (record) => producer.send(record)).finally(() =>
        open.delete(settled),
      )
      open.add(settled)
    }
    do await Promise.race(open)
    while (open.size > IN_FLIGHT_MAX)
  }
  await Promise.all(open)
  await producer.close()
}

/** Sends one `put` after the other. */
export async function runPutter(load: ClientLoad): Promise<void> {
  for (let sent = 0; !load.stopped.aborted; sent++) {
    await note(load, sent, (record) => load.client.put(load.stream, record))
  }
}

/** Sends one record and notes its outcome. Never rejects. */
async function note(load: ClientLoad, index: number, send: Send): Promise<void> {
  const { history, random, name, stream } = load
  const value = `${name}.${index}`
  const partitionKey = load.partitionKey?.() ?? `${name}-${random.below(KEYS)}`
  const data = payloadOf(value, random.below(RECORD_BYTES_MAX))
  const call = history.invoke({ producer: name, idempotent: true, records: [{ value, partitionKey }] })
  try {
    const { shardId, sequenceNumber } = await send({ partitionKey, data })
    call.ok(shardNameOf(stream, parseShardId(shardId)), [sequenceNumber])
  } catch (error) {
    call.failed(error)
  }
}
