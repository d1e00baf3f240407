// The work of produce: from inputs through a producer to what was stored. Stops at the first line that is no record (unless
// those are skipped), at the first refusal, or when interrupted; what was read before is then still stored and counted, for a
// bounded time where it was interrupted. At its end it is known of each record that was read whether it was acknowledged.
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
  /** How long what was read may take to be stored, once interrupted. */
  readonly drainMs: number
  readonly onProgress: (note: string) => void
  /** A shard takes nothing for a while. */
  readonly onDelayed: NonNullable<ProducerOptions['onDelayed']>
  /** Interrupted: so many records that were read are to be stored yet. */
  readonly onDraining: (records: number) => void
  /** Records were refused for good: whatever the inputs wait for, they need not. */
  readonly onRefused: () => void
}

/** A line that is no record, and was passed over. */
export interface SkippedLine {
  readonly input: string
  readonly line: number
  readonly reason: string
}

/** Enough to see what is wrong; a report is no place for a million lines. */
const FIRST_SKIPPED_MAX = 5

export interface ProduceOutcome {
  /** Acknowledged, all of them. */
  readonly records: number
  /** Read, and not acknowledged: none, unless there is a failure or the drain took too long. */
  readonly unacknowledged: number
  /** Of the data of all records that were read. */
  readonly bytes: number
  readonly shards: number
  /** Lines that are no records. */
  readonly skipped: number
  /** The first of them, with their reasons. */
  readonly firstSkipped: readonly SkippedLine[]
  readonly elapsedMs: number
  /** The level that every acknowledgement reached. */
  readonly durability: BatchAcknowledgement['durability']
  /** Why it stopped early; undefined where it was interrupted. */
  readonly failure: Error | undefined
  /** The inputs were read to their end. */
  readonly isComplete: boolean
}

/** What is known so far. */
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
  /** The drain took too long: what is not acknowledged by now never will be, and that is no failure. */
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
    // An interrupted input ends like one that ended by itself; everything else is what stopped us.
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

/** From the interruption on, what was read has so long to be stored, and then ends. Answers how to take the time away. */
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
      // However long there is no room: a drain that ends makes some.
      if (wait !== undefined) await wait
    }
  }
}

/** Of several inputs the one that a heading belongs to is named; and with records stored, it is not true that nothing was done. */
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
