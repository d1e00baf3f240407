// Jobs: the pieces of a delivery by themselves, over records in memory: formats, and the steps before them. The app is compiled after the
// bench, so that its own types are not there yet. Run in a load process.
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monotonicMs } from '../../harness/clock.ts'
import { logLines } from '../apps/json-records.ts'
import type { LoadControl } from '../job.ts'

interface Encoder {
  add(data: Uint8Array, pieces: Uint8Array[]): void
  finish(spooled: object, signal: AbortSignal): Promise<{ readonly failed: readonly unknown[] }>
}

interface Formats {
  makeEncoder(definition: object, now: () => number): Encoder
}

interface Middle {
  makePipeline(
    name: string,
    definition: object,
    rim: object,
  ): {
    process(
      records: readonly object[],
      signal: AbortSignal,
    ): Promise<{ readonly delivered: readonly unknown[] }>
    close(): Promise<void>
  }
}

const PACKAGE: string = '@millrace/delivery'

const RUN_RECORDS = 5000
const READ_BYTES = 2 ** 18

export interface PieceResult {
  readonly megabytesPerSecond: number
  /** Of all threads of the process. */
  readonly processorSecondsPerGigabyte: number
}

export interface FormatSettings {
  readonly megabytes: number
  /** Where spool and object are. */
  readonly directory: string
  /** What of a definition the encoder depends on. */
  readonly definition: object
}

/** Writes records into one object: from records in memory to bytes that a store would take. */
export async function runDeliveryFormat(
  { megabytes, directory, definition }: FormatSettings,
  control: LoadControl,
): Promise<PieceResult> {
  const { makeEncoder } = (await import(`${PACKAGE}/formats`)) as Formats
  const records = logLines(megabytes)
  const folder = mkdtempSync(join(directory, 'format-'))
  const path = join(folder, 'spool')
  const encoder = makeEncoder(definition, Date.now)
  let scratches = 0
  const objectOf = async (some: readonly Uint8Array[]) => {
    const pieces: Uint8Array[] = []
    for (const record of some) encoder.add(record, pieces)
    writeFileSync(path, Buffer.concat(pieces))
    const spooled = {
      bytes: statSync(path).size,
      records: some.length,
      chunks: () => createReadStream(path, { highWaterMark: READ_BYTES }),
      toFile: () => Promise.resolve(path),
      scratch: (extension: string) => join(folder, `${++scratches}.${extension}`),
    }
    return encoder.finish(spooled, control.stopped)
  }
  await objectOf(records.slice(0, 1000))
  control.ready()
  let written: Awaited<ReturnType<typeof objectOf>> | undefined
  const measured = await timed(records, async () => {
    written = await objectOf(records)
  })
  rmSync(folder, { recursive: true, force: true })
  if (written === undefined || written.failed.length > 0) throw new Error('Records were refused.')
  return measured
}

export interface PipelineSettings {
  readonly megabytes: number
  readonly definition: object
}

/** Sends records through the middle of a delivery. */
export async function runDeliveryPipeline(
  { megabytes, definition }: PipelineSettings,
  control: LoadControl,
): Promise<PieceResult> {
  const { makePipeline } = (await import(`${PACKAGE}/middle`)) as Middle
  const records = logLines(megabytes).map((data, place) => ({
    shardId: 'shardId-000000000000',
    sequenceNumber: place,
    partitionKey: 'key',
    arrivedAt: 0,
    data,
  }))
  const pipeline = makePipeline('bench', definition, { clock: { now: Date.now }, random: () => 0 })
  const run = async (from: number) =>
    (await pipeline.process(records.slice(from, from + RUN_RECORDS), control.stopped)).delivered.length
  await run(0)
  control.ready()
  let delivered = 0
  const measured = await timed(
    records.map(({ data }) => data),
    async () => {
      for (let from = 0; from < records.length; from += RUN_RECORDS) delivered += await run(from)
    },
  )
  await pipeline.close()
  if (delivered < records.length) throw new Error(`${records.length - delivered} records were refused.`)
  return measured
}

async function timed(records: readonly Uint8Array[], work: () => Promise<void>) {
  const cpu = process.cpuUsage()
  const startedAt = monotonicMs()
  await work()
  const seconds = (monotonicMs() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const bytes = bytesOf(records)
  return {
    megabytesPerSecond: bytes / 1e6 / seconds,
    processorSecondsPerGigabyte: (1e3 * (user + system)) / bytes,
  }
}

function bytesOf(records: readonly Uint8Array[]): number {
  return records.reduce((sum, { length }) => sum + length, 0)
}
