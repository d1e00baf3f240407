// Measures how fast the disk flushes: a file grows by one write and one fdatasync at a time. Runs in a load process.
// No acknowledgement that means "on disk" can be faster than this.
import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type HistogramText, LatencyRecorder } from '../harness/latency.ts'

export interface FdatasyncSettings {
  readonly directory: string
  readonly writeBytes: number
  readonly seconds: number
}

export interface FdatasyncResult {
  readonly latencies: HistogramText
  readonly megabytesPerSecond: number
}

export async function measureFdatasync(settings: FdatasyncSettings): Promise<FdatasyncResult> {
  const path = join(settings.directory, `fdatasync-${process.pid}`)
  const file = openSync(path, 'wx')
  try {
    const bytes = Buffer.alloc(settings.writeBytes, 1)
    const recorder = new LatencyRecorder()
    const startedAt = performance.now()
    const endsAt = startedAt + settings.seconds * 1000
    let now = startedAt
    while (now < endsAt) {
      writeSync(file, bytes)
      fdatasyncSync(file)
      const before = now
      now = performance.now()
      recorder.record(now - before)
    }
    const megabytes = (recorder.count * settings.writeBytes) / 1e6
    return { latencies: recorder.toText(), megabytesPerSecond: megabytes / ((now - startedAt) / 1000) }
  } finally {
    closeSync(file)
    unlinkSync(path)
  }
}
