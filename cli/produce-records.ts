// The work of `produce`: appends the records of the inputs. Stops at the first line that is not a record (unless such lines
// are skipped), at the first refusal, or when interrupted. Records read before are still stored and counted, for a bounded
// time after an interruption. The outcome says how many of the records read were acknowledged.
import type { BatchAcknowledgement, Client, Producer, ProducerOptions } from '../client/index.ts'
import { onAbort } from '../client/waiting.ts'
import { Failure } from './failure.ts'
import type { Input, Inputs } from './input/input.ts'
import { isInvalid, type InvalidLine, type RecordReader } from './input/record-reader.ts'
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
  /** Milliseconds that storing may take after an interruption. */
  readonly drainMs: number
  readonly onProgress: (note: string) => void
  /** Called when a shard takes no records for a while. */
  readonly onDelayed: NonNullable<ProducerOptions['onDelayed']>
  /** Called after an interruption, with the number of records that are read but not stored yet. */
  readonly onDraining: (records: number) => void
  /** Called when records are refused for good, so that inputs need not wait for more data. */
  readonly onRefused: () => void
}

/** A skipped line, which is not a record. */
export interface SkippedLine {
  readonly input: string
  readonly line: number
  readonly reason: string
}

/** Skipped lines that a report lists: enough to see what is wrong. */
const FIRST_SKIPPED_MAX = 5

export interface ProduceOutcome {
  /** Number of acknowledged records. */
  readonly records: number
  /** Number of records read and not acknowledged: 0 unless there is a failure or the drain took too long. */
  readonly unacknowledged: number
  /** Bytes of the data of all records read. */
  readonly bytes: number
  readonly shards: number
  /** Number of skipped lines. */
  readonly skipped: number
  /** The first skipped lines, with the reasons. */
  readonly firstSkipped: readonly SkippedLine[]
  readonly elapsedMs: number
  /** The durability of every acknowledgement. */
  readonly durability: BatchAcknowledgement['durability']
  /** Why the work stopped early; undefined after an interruption. */
  readonly failure: Error | undefined
  /** True if all inputs were read to their end. */
  readonly isComplete: boolean
}

/** The counts so far. */
interface Tally {
  read: number
  acknowledged: number
  bytes: number
  skipped: number
  readonly firstSkipped: SkippedLine[]
  readonly shards: Set<string>
  durability: ProduceOutcome['durability']
  failure: Error | undefined
  isComplete: boolean
  /** True if the drain took too long. Records without an acknowledgement get none, and that is not a failure. */
  isGivenUp: boolean
}

export async function produceRecords(client: Client, task: ProduceTask): Promise<ProduceOutcome> {
  const start = performance.now()
  const tally: Tally = {
    read: 0,
    acknowledged: 0,
    bytes: 0,
    skipped: 0,
    firstSkipped: [],
    shards: new Set(),
    durability: 'disk',
    failure: undefined,
    isComplete: false,
    isGivenUp: false,
  }
  const producer = await client.producer(task.stream, {
    batchBytes: task.batchBytes,
    lingerMs: task.lingerMs,
    compression: task.compression,
    onAcknowledged(batch) {
      tally.acknowledged += batch.recordCount
      tally.shards.add(batch.shardId)
      if (batch.durability !== 'disk') tally.durability = batch.durability
      task.onProgress(recordRate(tally.acknowledged, performance.now() - start))
    },
    onRefused(error) {
      if (tally.isGivenUp) return
      tally.failure ??= error
      task.onRefused()
    },
    onDelayed: task.onDelayed,
  })
  const endDrain = drainOnceInterrupted(producer, task, tally)
  try {
    for (const input of task.inputs.sources) {
      await append(input, producer, task, tally).catch((error: unknown) => {
        throw failureIn(input, error, tally, task)
      })
    }
    tally.isComplete = tally.failure === undefined && !task.interrupted.aborted
  } catch (error) {
    // An error of an interrupted input is not a failure; any other error is the reason to stop.
    if (!task.interrupted.aborted) tally.failure ??= error instanceof Error ? error : new Error(String(error))
  }
  await producer.close().catch((error: Error) => {
    if (!tally.isGivenUp) tally.failure ??= error
  })
  endDrain()
  const { acknowledged: records, read, shards } = tally
  const elapsedMs = performance.now() - start
  return { ...tally, records, unacknowledged: read - records, shards: shards.size, elapsedMs }
}

/** After an interruption, gives up when `drainMs` are over. Returns a function that stops watching. */
function drainOnceInterrupted(producer: Producer, task: ProduceTask, tally: Tally): () => void {
  let timer: NodeJS.Timeout | undefined
  const giveUp = () => {
    tally.isGivenUp = true
    producer.abort()
  }
  const stopListening = onAbort(task.interrupted, () => {
    task.onDraining(tally.read - tally.acknowledged)
    timer = setTimeout(giveUp, task.drainMs)
  })
  return () => {
    stopListening()
    clearTimeout(timer)
  }
}

async function append(input: Input, producer: Producer, task: ProduceTask, tally: Tally): Promise<void> {
  for await (const items of task.read(input.chunks)) {
    for (const item of items) {
      if (tally.failure !== undefined || task.interrupted.aborted) return
      if (isInvalid(item)) {
        if (!task.skipInvalid || item.endsReading) throw noRecord(item, input)
        tally.skipped++
        if (tally.firstSkipped.length < FIRST_SKIPPED_MAX) {
          tally.firstSkipped.push({ input: input.name, line: item.line, reason: item.reason })
        }
        continue
      }
      const wait = producer.push(item)
      tally.read++
      tally.bytes += item.data.length
      // The wait for room has no limit of its own: the end of a drain makes room.
      if (wait !== undefined) await wait
    }
  }
}

/** Names the input if there are several. If records are stored already, the exit code must not say that nothing was done. */
function failureIn(input: Input, error: unknown, { read }: Tally, { inputs }: ProduceTask): unknown {
  if (!(error instanceof Failure) || error.message.includes(input.name)) return error
  const message = inputs.sources.length > 1 ? `${input.name}: ${error.message}` : error.message
  return new Failure(message, read > 0 ? 'failed' : error.exit)
}

function noRecord({ line, reason, endsReading }: InvalidLine, { name }: Input): Failure {
  const after = endsReading ? 'what follows it cannot be read.' : '--skip-invalid goes on after such lines.'
  return new Failure(
    `Line ${line} of ${name} is no record: ${reason}. The lines before it are stored; ${after}`,
  )
}
