// Loads a Millrace broker by its client: each producer, reader and member has connections of its own, as programs have.
import type { Client, ProducerOptions, StreamRecord } from '../../../client/index.ts'
import type { LoadDriver, LoadReader, OnRecords } from './driver.ts'

export interface MillraceDriverOptions {
  /** Opens one more client. */
  readonly connect: () => Promise<Client>
  /** For what is asked once: streams and groups. The driver closes it. */
  readonly control: Client
  readonly isPushed: boolean
  readonly producer: ProducerOptions
}

/** By how much the clocks of this machine and of the broker may differ for a group that begins in a stream with records. */
const CLOCKS_APART_MS = 60_000
/** What was made for a load is removed within this, or left. */
const REMOVAL_MS_MAX = 10_000

export function millraceDriver({
  connect,
  control,
  isPushed,
  producer: producerOptions,
}: MillraceDriverOptions): LoadDriver {
  const clients: Client[] = []
  const open = async (): Promise<Client> => {
    const client = await connect()
    clients.push(client)
    return client
  }
  return {
    async createStream(name, shards) {
      await control.createStream(name, { shards })
    },
    async openShards(name) {
      return (await control.describeStream(name)).openShardCount
    },
    async deleteStream(name) {
      await control.deleteStream(name, { signal: AbortSignal.timeout(REMOVAL_MS_MAX) })
    },
    async openProducer(stream) {
      const producer = await (await open()).producer(stream, producerOptions)
      return {
        send: (partitionKey, data) => producer.send({ partitionKey, data }),
        ready: () => producer.ready(),
        async close() {
          producer.abort()
        },
      }
    },
    async openReader({ stream, isNew, onRecords }) {
      const client = await open()
      const from = isNew ? 'TRIM_HORIZON' : 'LATEST'
      const stopping = new AbortController()
      const { signal } = stopping
      const reading = isPushed
        ? client.subscribe(stream, { from, signal })
        : client.read(stream, { from, follow: true, signal })
      await reading.started
      const ended = readAll(reading.batches(), onRecords, signal)
      return readerOf(ended, async () => stopping.abort())
    },
    async joinGroup(name, { stream, isNew, onRecords }) {
      const from = isNew ? 'TRIM_HORIZON' : { atTimestamp: Date.now() - CLOCKS_APART_MS }
      const group = (await open()).group({ name, stream, from, mode: isPushed ? 'push' : 'pull' })
      const ended = group.run((records) => onRecords(records.map(({ bytes }) => bytes)))
      return readerOf(ended, () => group.stop())
    },
    async deleteGroup(name) {
      await control.deleteGroup(name, { force: true, signal: AbortSignal.timeout(REMOVAL_MS_MAX) })
    },
    async close() {
      await Promise.allSettled([control, ...clients].map((client) => client.close()))
    },
  }
}

async function readAll(
  batches: AsyncIterable<readonly StreamRecord[]>,
  onRecords: OnRecords,
  stopped: AbortSignal,
): Promise<void> {
  try {
    for await (const records of batches) onRecords(records.map(({ bytes }) => bytes))
  } catch (error) {
    if (!stopped.aborted) throw error
  }
}

function readerOf(ended: Promise<void>, stop: LoadReader['stop']): LoadReader {
  // Who runs the load looks at it at the end too, and until then it may have no handler.
  ended.catch(() => {})
  return { ended, stop }
}
