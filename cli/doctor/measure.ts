// Measures the disk under a data directory by small writes, each flushed, in a file that is removed afterwards. Runs in the
// command; safe beside a running broker. diagnose.ts says what the figures mean.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'

const WRITE_BYTES = 4096
const SAMPLES_MIN = 50
const SAMPLES_MAX = 1000

export interface DiskMeasurement {
  /** The measured directory: the data directory, or its nearest existing parent. */
  readonly directory: string
  readonly exists: boolean
  readonly fileSystem: string
  readonly freeBytes: number
  readonly totalBytes: number
  /** Milliseconds of one write of 4 KiB and its fdatasync. */
  readonly flush: {
    readonly samples: number
    readonly p50: number
    readonly p99: number
    readonly max: number
  }
}

/** Measures for about `durationMs`, but makes at least a few dozen flushes. */
export async function measureDisk(
  dataDir: string,
  options: { durationMs: number },
): Promise<DiskMeasurement> {
  const directory = await nearestDirectory(dataDir)
  const stats = await statfs(directory)
  const samples = await measureFlushes(directory, options.durationMs)
  return {
    directory,
    exists: directory === resolve(dataDir),
    fileSystem: fileSystemName(stats.type),
    freeBytes: stats.bavail * stats.bsize,
    totalBytes: stats.blocks * stats.bsize,
    flush: {
      samples: samples.length,
      p50: percentile(samples, 0.5),
      p99: percentile(samples, 0.99),
      max: samples.at(-1) ?? 0,
    },
  }
}

async function nearestDirectory(path: string): Promise<string> {
  let at = resolve(path)
  for (;;) {
    const stats = await stat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (stats?.isDirectory() === true) return at
    at = dirname(at)
  }
}

/** Sorted times in milliseconds. Synchronous on purpose: the event loop would add to the times. */
async function measureFlushes(directory: string, durationMs: number): Promise<number[]> {
  const scratch = await mkdtemp(join(directory, '.millrace-doctor-'))
  try {
    const file = openSync(join(scratch, 'flushes'), 'w')
    try {
      return timeFlushes(file, durationMs)
    } finally {
      closeSync(file)
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function timeFlushes(file: number, durationMs: number): number[] {
  const block = Buffer.alloc(WRITE_BYTES, 0x6d)
  const samples: number[] = []
  const end = performance.now() + durationMs
  while (samples.length < SAMPLES_MIN || (samples.length < SAMPLES_MAX && performance.now() < end)) {
    const start = performance.now()
    writeSync(file, block, 0, block.length, samples.length * WRITE_BYTES)
    fdatasyncSync(file)
    samples.push(performance.now() - start)
  }
  return samples.sort((a, b) => a - b)
}

/** The value below which the given share of the sorted samples lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** Linux' magic numbers of statfs(2). On other systems the type means something else and is not used. */
const fileSystems: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
  [0x794c7630, 'overlay'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'],
  [0x00c36400, 'ceph'],
  [0x47504653, 'gpfs'],
])

export function fileSystemName(type: number): string {
  // Some platforms give the kernel's value as a signed word.
  return fileSystems.get(type >>> 0) ?? `unknown (0x${(type >>> 0).toString(16)})`
}
