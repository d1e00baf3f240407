// Measures the machine's limits in the same run as the figures that are compared with them: disks and virtual machines change
// by the minute, so older limits say nothing. Runs in the bench's main process, with the load in child processes.
import { type HistogramText, type LatencySummary, mergeLatencies } from '../harness/latency.ts'
import type { Bench } from '../scenario.ts'

const FDATASYNC_SECONDS = 1
const LOOPBACK_SECONDS = 1
const RAW_LMDB_WARM_UP_SECONDS = 0.5
const KiB = 1024

export interface DiskLimits {
  /** One 4 KiB append and its fdatasync. */
  readonly flush: LatencySummary
  /** 64 KiB appends, each flushed, one at a time. */
  readonly flushedMegabytesPerSecond: number
}

/** Measures latencies of single flushes. Measure before and after the compared figure, and merge. */
export async function measureFlush(bench: Bench): Promise<HistogramText> {
  bench.say('measuring fdatasync of 4 KiB appends')
  const settings = { directory: bench.directory, writeBytes: 4 * KiB, seconds: FDATASYNC_SECONDS }
  return (await bench.load('fdatasync', settings).result).latencies
}

export async function measureDisk(bench: Bench): Promise<DiskLimits> {
  const flush = mergeLatencies([await measureFlush(bench)])
  bench.say('measuring fdatasync of 64 KiB appends')
  const settings = { directory: bench.directory, writeBytes: 64 * KiB, seconds: FDATASYNC_SECONDS }
  const large = await bench.load('fdatasync', settings).result
  return { flush, flushedMegabytesPerSecond: large.megabytesPerSecond }
}

/** Measures lmdb-js alone, for batches of a given size with a given number in flight. */
export async function measureRawLmdb(
  bench: Bench,
  batch: { readonly bytes: number; readonly inFlight: number },
): Promise<{ readonly megabytesPerSecond: number; readonly commit: LatencySummary }> {
  bench.say(`measuring raw lmdb-js, ${batch.bytes} B × ${batch.inFlight} in flight`)
  const result = await bench.load('rawLmdb', {
    directory: bench.directory,
    batchBytes: batch.bytes,
    inFlight: batch.inFlight,
    seconds: Math.min(bench.seconds, 3),
    warmUpSeconds: RAW_LMDB_WARM_UP_SECONDS,
  }).result
  return { megabytesPerSecond: result.megabytesPerSecond, commit: mergeLatencies([result.latencies]) }
}

/** Megabytes a second from one process to another. */
export async function measureLoopback(bench: Bench): Promise<number> {
  bench.say('measuring loopback TCP')
  const sink = bench.load('loopbackSink', {})
  const port = (await sink.ready) ?? 0
  const source = bench.load('loopbackSource', { port, writeBytes: 64 * KiB, seconds: LOOPBACK_SECONDS })
  await source.result
  return (await sink.result).megabytesPerSecond
}
