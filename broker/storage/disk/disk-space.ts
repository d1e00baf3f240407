// Watches the free space of a data directory. Runs on owner threads. A full disk shows in LMDB as a mere I/O error after
// the fact, so appends are refused before it: below a floor, until there is room again. Reads go on.
import { statfsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'

const INTERVAL_MS = 1000
/** Room above the floor before appends are taken again, as a part of the floor: no flapping at the edge. */
const RECOVERY_MARGIN = 0.05

/** Free bytes where a path lies; tests pass their own. */
export type FreeBytesOf = (path: string) => Promise<number>

export interface DiskSpace {
  /** Below the floor. */
  readonly isFull: boolean
  /** As last measured. */
  readonly freeBytes: number
  /** Measures now. */
  check(): Promise<void>
  stop(): void
}

export interface DiskSpaceOptions {
  readonly path: string
  readonly floorBytes: number
  readonly freeBytesOf?: FreeBytesOf
  readonly intervalMs?: number
  /** Called when the floor is crossed, in either direction. */
  readonly onChange: (space: { full: boolean; freeBytes: number }) => void
}

/** Measures once before it fulfils, and then on an interval. */
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
    check().catch(() => undefined) // what cannot be measured stays as it was; a real fault shows in the next commit
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
 * Free bytes where a path lies, asked for at once: it takes some microseconds, and is for threads that may wait for a disk.
 */
export function freeBytesNow(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Free bytes where a path lies, as the system says. */
export async function freeBytesAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}
