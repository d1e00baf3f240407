// Tests that doctor reports a problem or warning for bad figures of a disk, and none for good figures.
import { describe, expect, it } from 'vitest'
import { diagnose } from '../../../cli/doctor/diagnose.ts'
import { fileSystemName, percentile, type DiskMeasurement } from '../../../cli/doctor/measure.ts'

const GiB = 1024 ** 3

const goodDisk: DiskMeasurement = {
  directory: '/var/lib/millrace',
  exists: true,
  fileSystem: 'ext4',
  freeBytes: 100 * GiB,
  totalBytes: 200 * GiB,
  flush: { samples: 1000, p50: 0.5, p99: 3, max: 9 },
}

function levels(change: Partial<DiskMeasurement>): string[] {
  return diagnose({ ...goodDisk, ...change }, { freeSpaceFloorBytes: GiB / 2 }).map(({ level }) => level)
}

const flush = (p50: number) => ({ flush: { samples: 100, p50, p99: p50 * 4, max: p50 * 9 } })

describe('diagnose', () => {
  it('finds nothing wrong with a local disk that flushes at the speed of one', () => {
    expect(levels({})).toEqual(['fine', 'fine'])
  })

  it('calls flushes that cannot have reached a device a problem, and suspiciously fast ones a warning', () => {
    expect(levels(flush(0.002))).toContain('problem')
    expect(levels(flush(0.05))).toContain('warning')
    expect(levels(flush(40))).toContain('warning')
  })

  it.each(['tmpfs', 'nfs', 'cifs', 'fuse', '9p', 'overlay'])(
    'calls %s a problem, since it does not keep what is flushed',
    (fileSystem) => {
      expect(levels({ fileSystem })).toContain('problem')
    },
  )

  it('warns before the free-space floor is reached and calls it a problem below', () => {
    expect(levels({ freeBytes: GiB })).toContain('warning')
    expect(levels({ freeBytes: GiB / 4 })).toContain('problem')
  })

  it('says how many commits a second the disk allows', () => {
    const [finding] = diagnose(goodDisk, { freeSpaceFloorBytes: 0 })
    expect(finding?.text).toContain('about 2,000 commits a second')
  })
})

describe('measure', () => {
  it('names file systems by their magic numbers, also where the kernel gives them signed', () => {
    expect(fileSystemName(0xef53)).toBe('ext4')
    expect(fileSystemName(0x9123683e | 0)).toBe('btrfs')
    expect(fileSystemName(42)).toBe('unknown (0x2a)')
  })

  it('percentile: picks from sorted samples and survives few of them', () => {
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(3)
    expect(percentile([7], 0.99)).toBe(7)
    expect(percentile([], 0.5)).toBe(0)
  })
})
