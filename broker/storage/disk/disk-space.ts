// Watches the free space of a data directory. Runs on owner threads. LMDB reports a full disk only afterwards and as an
// I/O error, so appends are refused earlier: below a floor, until there is room again. Reads continue.
import { statfsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'

const INTERVAL_MS = 1000
/** Room above the floor before appends are accepted again, as a fraction of the floor: avoids flapping at the floor. */
const RECOVERY_MARGIN = 0.05

/** Free bytes on the file system of a path. Tests pass another function. */
export type FreeBytesOf = (path: string) => Promise<number>

export interface DiskSpace {
  /** True while the free space is below the floor. */
  readonly isFull: boolean
  /** The last measured value. */
  readonly freeBytes: number
  /** Measures the free space now. */
  check(): Promise<void>
  stop(): void
}

export interface DiskSpaceOptions {
  readonly path: string
  readonly floorBytes: number
  readonly freeBytesOf?: FreeBytesOf
  readonly intervalMs?: number
  /** Called when the free space crosses the floor in either direction. */
  readonly onChange: (space: { full: boolean; freeBytes: number }) => void
}

/** Starts to watch. Measures once before it fulfils, and then on an interval. */
export async function watchDiskSpace(options: DiskSpaceOptions): Promise<DiskSpace> {
  const { path, floorBytes, freeBytesOf = freeBytesAt, intervalMs = INTERVAL_MS, onChange } = options
  let isFull = false
  let freeBytes = 0

  async function check(): Promise<void> {
    freeBytes = await freeBytesOf(path)
    const full = freeBytes < (isFull ? floorBytes * (1 + RECOVERY_MARGIN) : floorBytes)
    if (full === isFull) return
    isFull = full
    onChange({ full, freeBytes })
  }

  await check()
  const timer = setInterval(() => {
    check().catch(() => undefined) // an unmeasurable disk keeps its last state; a real fault shows in the next commit
  }, intervalMs)
  timer.unref()
  return {
    get isFull() {
      return isFull
    },
    get freeBytes() {
      return freeBytes
    },
    check,
    stop: () => clearInterval(timer),
  }
}

/**
 * Free bytes on the file system of a path, synchronously. Takes some microseconds; only for threads that may wait for a
 * disk.
 */
export function freeBytesNow(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Free bytes on the file system of a path. */
export async function freeBytesAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}
