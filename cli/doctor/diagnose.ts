// Says what a disk's figures mean for a broker that acknowledges after the flush. Pure: takes figures, returns sentences.
import { formatBytes, formatCount, formatDuration } from '../output/amounts.ts'
import type { DiskMeasurement } from './measure.ts'

export interface Finding {
  /** `problem`: a broker that must not lose data cannot run here. */
  readonly level: 'fine' | 'warning' | 'problem'
  readonly text: string
}

/**
 * A faster flush cannot have reached a drive: drives with power-loss protection take 10 to 60 µs, other drives at least some
 * hundred.
 */
const PLAUSIBLE_FLUSH_MS = 0.01
/** A faster flush is plausible only if the drive keeps its cache through a power cut. */
const PROTECTED_FLUSH_MS = 0.1
const SLOW_FLUSH_MS = 20

const volatile = new Set(['tmpfs', 'ramfs'])
const remote = new Set(['nfs', 'cifs', 'smb2', '9p', 'fuse', 'ceph', 'gpfs'])

export interface Expectation {
  readonly freeSpaceFloorBytes: number
}

export function diagnose(disk: DiskMeasurement, { freeSpaceFloorBytes }: Expectation): Finding[] {
  return [...fileSystemFindings(disk), ...flushFindings(disk), ...spaceFindings(disk, freeSpaceFloorBytes)]
}

function fileSystemFindings({ fileSystem }: DiskMeasurement): Finding[] {
  if (volatile.has(fileSystem)) {
    return [
      {
        level: 'problem',
        text: `${fileSystem} lives in memory: everything stored is gone after a restart of the machine.`,
      },
    ]
  }
  if (remote.has(fileSystem)) {
    return [
      {
        level: 'problem',
        text: `${fileSystem} is a network or user-space file system: memory-mapped storage and its locks are not safe there. Use a local disk.`,
      },
    ]
  }
  if (fileSystem === 'overlay') {
    return [
      {
        level: 'problem',
        text: 'overlay is the writable layer of a container: it is removed with the container. Mount a volume on the data directory.',
      },
    ]
  }
  return []
}

function flushFindings({ flush, fileSystem }: DiskMeasurement): Finding[] {
  const figures = `A flush takes ${formatDuration(flush.p50)} (p50), ${formatDuration(flush.p99)} (p99)`
  if (volatile.has(fileSystem)) return []
  if (flush.p50 < PLAUSIBLE_FLUSH_MS) {
    return [
      {
        level: 'problem',
        text: `${figures}: no device is that fast, so flushes are ignored on the way (a hypervisor's cache mode, or nobarrier). A power cut would lose acknowledged records.`,
      },
    ]
  }
  if (flush.p50 < PROTECTED_FLUSH_MS) {
    return [
      {
        level: 'warning',
        text: `${figures}: right for a drive with power-loss protection, too fast for any other. Make sure that it is one.`,
      },
    ]
  }
  const perSecond = formatCount(1000 / flush.p50)
  const meaning = `an acknowledgement cannot come sooner, and one shard host makes about ${perSecond} commits a second, each with everything that waits for it`
  if (flush.p50 > SLOW_FLUSH_MS) {
    return [
      {
        level: 'warning',
        text: `${figures}: ${meaning}. That is slow; large batches still give throughput, single puts do not.`,
      },
    ]
  }
  return [{ level: 'fine', text: `${figures}: ${meaning}.` }]
}

function spaceFindings({ freeBytes, totalBytes }: DiskMeasurement, floorBytes: number): Finding[] {
  const figures = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} are free`
  const floor = `the floor of ${formatBytes(floorBytes)} below which appends are refused`
  if (freeBytes < floorBytes) return [{ level: 'problem', text: `${figures}, less than ${floor}.` }]
  if (freeBytes < 4 * floorBytes) return [{ level: 'warning', text: `${figures}, not far from ${floor}.` }]
  return [{ level: 'fine', text: `${figures}; ${floor} is far.` }]
}
