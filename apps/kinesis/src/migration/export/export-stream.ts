// Copies a Millrace stream into a Kinesis stream, in the order of each key, and remembers how far it is, so that it goes on after a
// stop. Runs in the process that exports. Kinesis has no place for headers and times of records: keys, placement and data are copied.
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  ResourceNotFoundException,
  type KinesisClient,
  type StreamDescriptionSummary,
} from '@aws-sdk/client-kinesis'
import { createHash } from 'node:crypto'
import type { Checkpoints, Client, Position, StreamPosition, StreamRecord } from 'millrace'
import { openAws, type AwsSide } from '../aws-client.ts'
import { isAbort } from '../aborted.ts'
import { insist, type Patience } from '../patience.ts'
import { worldPatience, type MigrationWorld } from '../world.ts'
import { Sink } from './sink.ts'

export interface ExportTask extends AwsSide {
  /** Name of the Millrace stream. */
  readonly from: string
  /** Name of the Kinesis stream; it is made, with as many shards, if it is not there. */
  readonly stream: string
  /** Where the first run begins; a later one goes on where the one before was. Default: TRIM_HORIZON. */
  readonly start?: Extract<Position, string> | { readonly atTimestamp: number }
  /** Goes on for new records until the signal fires; otherwise it ends at the tail that each shard had at its begin. */
  readonly follow?: boolean
  /** Puts records of one key together, which is faster where few keys have most records: a refused one may be overtaken. */
  readonly looseOrder?: boolean
  /** Ends in good order: what was read is put and noted. */
  readonly signal: AbortSignal
  readonly onProgress?: (tally: ExportTally) => void
  /** A sentence for people: what it waits for. */
  readonly onNotice?: (sentence: string) => void
}

export interface ExportTally {
  /** Records put by this run. */
  readonly records: number
  readonly bytes: number
  /** True if an earlier run was gone on from. */
  readonly isResumed: boolean
  /** True if the Kinesis stream was made. */
  readonly isTargetMade: boolean
}

const ACTIVE_POLL_MS = 1_000

/** Runs an export to its end, or until it is stopped; fulfils with what it did. Its position is stored before it ends. */
export async function exportToAws(
  client: Client,
  task: ExportTask,
  world?: MigrationWorld,
): Promise<ExportTally> {
  // What was read is still put after the signal: it ends the reading alone.
  const ending = new AbortController()
  const patience = worldPatience(world, ending.signal, (sentence) => task.onNotice?.(sentence))
  const aws = await openAws(task)
  try {
    const { id, openShardCount: shards } = await client.describeStream(task.from)
    const { isMade, summary } = await target(aws, { stream: task.stream, shards, patience })
    const checkpoints = client.checkpoints(exportName(summary, task.from))
    const saved = await checkpoints.load(task.from)
    const from = saved?.streamId === id ? saved : (task.start ?? 'TRIM_HORIZON')
    const run = new ExportRun(client, { task, checkpoints, sink: new Sink(aws, task.stream, patience) })
    await run.run(from)
    return { ...run.tally, isResumed: saved !== undefined, isTargetMade: isMade }
  } finally {
    ending.abort()
    aws.destroy()
  }
}

/** Name of the checkpoints: one export of a stream into one Kinesis stream. */
function exportName({ StreamARN, StreamCreationTimestamp }: StreamDescriptionSummary, from: string): string {
  const text = JSON.stringify([StreamARN, Number(StreamCreationTimestamp), from])
  return `aws-export-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/** Describes the Kinesis stream, and makes it first if it is not there. */
async function target(
  aws: KinesisClient,
  { stream, shards, patience }: { stream: string; shards: number; patience: Patience },
): Promise<{ isMade: boolean; summary: StreamDescriptionSummary }> {
  const describe = async () => {
    const answer = await insist(
      () => aws.send(new DescribeStreamSummaryCommand({ StreamName: stream })),
      patience,
    )
    return answer.StreamDescriptionSummary!
  }
  let isMade = false
  for (;;) {
    try {
      const summary = await describe()
      if (summary.StreamStatus !== 'CREATING') return { isMade, summary }
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error
      if (!isMade) {
        const command = new CreateStreamCommand({ StreamName: stream, ShardCount: Math.max(1, shards) })
        await insist(() => aws.send(command), patience)
        isMade = true
        continue
      }
    }
    await patience.sleep(ACTIVE_POLL_MS, patience.signal)
  }
}

/** Records that were read together, and the place behind them. */
interface ReadBatch {
  waiting: number
  readonly position: StreamPosition
}

class ExportRun {
  readonly #client: Client
  readonly #task: ExportTask
  readonly #checkpoints: Checkpoints
  readonly #sink: Sink
  readonly #batches: ReadBatch[] = []
  #saving: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  readonly tally = { records: 0, bytes: 0 }
  #entries = 0

  constructor(client: Client, parts: { task: ExportTask; checkpoints: Checkpoints; sink: Sink }) {
    this.#client = client
    this.#task = parts.task
    this.#checkpoints = parts.checkpoints
    this.#sink = parts.sink
  }

  async run(from: Position | StreamPosition): Promise<void> {
    const { from: stream, follow = false, signal } = this.#task
    const reading = this.#client.read(stream, { from, follow, signal })
    try {
      for await (const records of reading.batches()) {
        const batch: ReadBatch = { waiting: records.length, position: reading.position }
        this.#batches.push(batch)
        for (const record of records) await this.#sink.add(this.#entryOf(record, batch))
        if (this.#failure !== undefined) throw this.#failure.error
      }
    } catch (error) {
      if (!(signal.aborted && isAbort(error))) throw error
    }
    await this.#sink.drain()
    await this.#saving
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #entryOf({ partitionKey, explicitHashKey, data }: StreamRecord, batch: ReadBatch) {
    const bytes = data.length + Buffer.byteLength(partitionKey)
    return {
      key: this.#task.looseOrder === true ? String(this.#entries++) : partitionKey,
      bytes,
      request: {
        PartitionKey: partitionKey,
        Data: data,
        ...(explicitHashKey !== undefined && { ExplicitHashKey: explicitHashKey }),
      },
      onStored: () => {
        this.tally.records++
        this.tally.bytes += data.length
        batch.waiting--
        this.#note()
      },
    }
  }

  /** Saves the place behind the last batch before which all is put. Saves that are asked for together share a request. */
  #note(): void {
    let behind: ReadBatch | undefined
    while (this.#batches[0]?.waiting === 0) behind = this.#batches.shift()
    if (behind === undefined) return
    const { position } = behind
    this.#saving = this.#checkpoints.save(this.#task.from, position).catch((error: unknown) => {
      this.#failure ??= { error }
    })
    this.#task.onProgress?.({ ...this.tally, isResumed: false, isTargetMade: false })
  }
}
