// Measures how fast lmdb-js alone writes the same batches, flushed, with the same number in flight: without socket, other
// threads, checks or head row. Runs in a load process. The broker cannot be faster.
import { randomFillSync } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { type HistogramText, LatencyRecorder } from '../harness/latency.ts'

export interface RawLmdbSettings {
  readonly directory: string
  readonly batchBytes: number
  readonly inFlight: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface RawLmdbResult {
  /** Latencies from `batch()` to its fulfilment. */
  readonly latencies: HistogramText
  readonly megabytesPerSecond: number
  readonly batchesPerSecond: number
}

/** Size of the map, far above what a run can write, so that the map is never moved. */
const MAP_BYTES = 64 * 2 ** 30

export async function measureRawLmdb(settings: RawLmdbSettings): Promise<RawLmdbResult> {
  const path = join(settings.directory, `raw-lmdb-${process.pid}`)
  const root = open({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    mapSize: MAP_BYTES,
    pageSize: 4096,
  })
  try {
    const bytes = randomFillSync(Buffer.alloc(settings.batchBytes))
    const startsAt = performance.now() + settings.warmUpSeconds * 1000
    const endsAt = startsAt + settings.seconds * 1000
    let sequence = 0
    const recorder = new LatencyRecorder()
    const writeOn = async () => {
      while (performance.now() < endsAt) {
        const key = Buffer.alloc(12)
        key.writeBigUInt64BE(BigInt(sequence++), 4)
        const before = performance.now()
        await root.batch(() => {
          void root.put(key, bytes)
        })
        const now = performance.now()
        if (now >= startsAt && now < endsAt) recorder.record(now - before)
      }
    }
    await Promise.all(Array.from({ length: settings.inFlight }, writeOn))
    const batchesPerSecond = recorder.count / settings.seconds
    const megabytesPerSecond = (batchesPerSecond * settings.batchBytes) / 1e6
    return { batchesPerSecond, megabytesPerSecond, latencies: recorder.toText() }
  } finally {
    await root.close()
    await rm(path, { recursive: true, force: true })
  }
}
