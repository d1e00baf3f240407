// The work of produce: from inputs through a producer to what was stored. Stops at the first line that is no record (unless
// those are skipped), at the first refusal, or when interrupted; what was accepted before is then still flushed and counted.
import type { BatchAcknowledgement, Client } from '../client/index.ts'
import { Failure } from './failure.ts'
import type { Input, Inputs } from './input/input.ts'
import { isInvalid, type RecordReader } from './input/record-reader.ts'
import { recordRate } from './output/progress.ts'

export interface ProduceTask {
  readonly stream: string
  readonly inputs: Inputs
  readonly read: RecordReader
  readonly interrupted: AbortSignal
  readonly skipInvalid: boolean
  readonly batchBytes: number
  readonly lingerMs: number
  readonly compression: 'none' | 'gzip' | 'zstd'
  readonly onProgress: (note: string) => void
  /** Records were refused for good: whatever the inputs wait for, they need not. */
  readonly onRefused: () => void
}

export interface ProduceOutcome {
  /** Acknowledged, all of them. */
  readonly records: number
  /** Of the data of records that were sent; the acknowledged ones, unless there is a failure. */
  readonly bytes: number
  readonly shards: number
  readonly skipped: number
  readonly elapsedMs: number
  /** The level that every acknowledgement reached. */
  readonly durability: BatchAcknowledgement['durability']
  /** Why it stopped early. */
  readonly failure: Error | undefined
}

export async function produceRecords(client: Client, task: ProduceTask): Promise<ProduceOutcome> {
  const start = performance.now()
  const shards = new Set<string>()
  let records = 0
  let bytes = 0
  let skipped = 0
  let durability: ProduceOutcome['durability'] = 'disk'
  let failure: Error | undefined
  const producer = await client.producer(task.stream, {
    batchBytes: task.batchBytes,
    lingerMs: task.lingerMs,
    compression: task.compression,
    onAcknowledged(batch) {
      records += batch.recordCount
      shards.add(batch.shardId)
      if (batch.durability !== 'disk') durability = batch.durability
      task.onProgress(recordRate(records, performance.now() - start))
    },
    onRefused(error) {
      failure ??= error
      task.onRefused()
    },
  })

  async function append(input: Input): Promise<void> {
    for await (const items of task.read(input.chunks)) {
      for (const item of items) {
        if (failure !== undefined || task.interrupted.aborted) return
        if (isInvalid(item)) {
          if (!task.skipInvalid || item.endsReading) {
            const after = item.endsReading
              ? 'what follows it cannot be read.'
              : '--skip-invalid goes on after such lines.'
            throw new Failure(
              `Line ${item.line} of ${input.name} is no record: ${item.reason}. ` +
                `The lines before it are stored; ${after}`,
            )
          }
          skipped++
          continue
        }
        bytes += item.data.length
        const wait = producer.push(item)
        if (wait !== undefined) await wait
      }
    }
  }

  try {
    for (const input of task.inputs.sources) await append(input)
  } catch (error) {
    // An interrupted input ends like one that ended by itself; everything else is what stopped us.
    if (!task.interrupted.aborted) failure ??= error instanceof Error ? error : new Error(String(error))
  }
  await producer.close().catch((error: Error) => {
    failure ??= error
  })
  const elapsedMs = performance.now() - start
  return { records, bytes, shards: shards.size, skipped, elapsedMs, durability, failure }
}
