// Load: one member of a group that processes all records of a stream as fast as it can, again and again, each time as a new
// group. Runs in a load process. A pass counts from the assignment of the first shard to the last record; joining and leaving do
// not count. The handler is asynchronous, as those of applications are.
import type { Client, StreamRecord } from '../../../client/index.ts'
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'

export interface GroupConsumeSettings {
  readonly url: string
  readonly stream: string
  /** Number of records in the stream; another number is a failure. */
  readonly records: number
  /** Whether the handler gets batches or one record at a time, each with a checkpoint behind it. */
  readonly checkpoint: 'batch' | 'record'
  /** Passes are repeated for so long; at least one is made. */
  readonly seconds: number
}

export interface GroupConsumeResult {
  readonly recordsPerSecond: number
  readonly megabytesPerSecond: number
  readonly passes: number
}

export async function runGroupConsume(settings: GroupConsumeSettings): Promise<GroupConsumeResult> {
  await using client = await connect(settings.url)
  let seconds = 0
  let bytes = 0
  let passes = 0
  do {
    const pass = await consume(client, `${settings.checkpoint}-${passes}`, settings)
    seconds += pass.seconds
    bytes += pass.bytes
    passes++
  } while (seconds < settings.seconds)
  return {
    recordsPerSecond: (passes * settings.records) / seconds,
    megabytesPerSecond: bytes / 1e6 / seconds,
    passes,
  }
}

async function consume(
  client: Client,
  name: string,
  { stream, checkpoint, records: expected }: GroupConsumeSettings,
): Promise<{ seconds: number; bytes: number }> {
  let startedAt: number | undefined
  let endedAt: number | undefined
  let records = 0
  let bytes = 0
  const group = client.group({
    stream,
    name,
    checkpoint,
    onEvent: ({ type }) => {
      if (type === 'assigned') startedAt ??= monotonicMs()
    },
  })
  // Asynchronous without a wait.
  // eslint-disable-next-line require-await
  const handle = async (batch: readonly StreamRecord[]): Promise<void> => {
    records += batch.length
    for (const record of batch) bytes += record.data.length
    if (records < expected || endedAt !== undefined) return
    endedAt = monotonicMs()
    // It ends when this call has returned.
    void group.stop()
  }
  await group.run(handle)
  if (startedAt === undefined || endedAt === undefined || records !== expected)
    throw new Error(`${records} of ${expected} records were processed`)
  const { shards } = await client.describeGroup(name)
  const behind = shards.filter(({ recordsBehind }) => recordsBehind !== 0)
  if (behind.length > 0) throw new Error(`not all is checkpointed: ${JSON.stringify(behind)}`)
  await client.deleteGroup(name)
  return { seconds: (endedAt - startedAt) / 1000, bytes }
}
