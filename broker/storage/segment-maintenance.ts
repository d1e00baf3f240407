// Surveys and compaction of sealed segments, in the caller's thread: the maintenance thread, or the only thread of a
// broker in process. No append or read depends on this, and a failure here leaves nothing behind.
import { setTimeout } from 'node:timers/promises'
import { refusal } from '../../protocol/refusal.ts'
import { stopCompaction } from '../threads/compaction-progress.ts'
import type { SegmentMaintenance } from '../threads/maintenance-contract.ts'
import { compactSegments, type CompactionParts } from './compaction/compact.ts'
import { maintenanceFailure } from './compaction/failure.ts'
import { surveySegment } from './compaction/survey.ts'
import { freeBytesAt, type FreeBytesOf } from './disk/disk-space.ts'
import { noFaults } from './disk/faults.ts'
import { openLmdb } from './environment.ts'
import { systemTime } from '../time.ts'

/** Replacements for the disk and the clock, for tests. */
export type MaintenanceParts = Partial<CompactionParts> & { readonly freeBytesOf?: FreeBytesOf }

/** Runs the maintenance thread's functions in the calling thread. */
export function inlineSegmentMaintenance(options: MaintenanceParts = {}): SegmentMaintenance {
  const { freeBytesOf = freeBytesAt, ...given } = options
  const parts: CompactionParts = {
    openEnvironment: openLmdb,
    faults: noFaults,
    now: systemTime.now,
    elapsed: systemTime.elapsed,
    sleep: (ms) => setTimeout(ms),
    ...given,
  }
  const running = new Set<Promise<unknown>>()
  const compactions = new Set<SharedArrayBuffer>()
  let isClosed = false

  async function run<T>(directory: string, work: () => Promise<T>): Promise<T> {
    if (isClosed) throw refusal('unavailable', 'The maintenance of segments has ended.')
    const done = work()
    running.add(done)
    try {
      return await done
    } catch (error) {
      throw await maintenanceFailure(error, { directory, freeBytesOf })
    } finally {
      running.delete(done)
    }
  }

  return {
    survey: (task) => run(task.directory, () => surveySegment(task, parts.openEnvironment)),
    compact: (task) => {
      compactions.add(task.progress)
      return run(task.directory, () => compactSegments(task, parts)).finally(() => {
        compactions.delete(task.progress)
      })
    },
    close: async () => {
      isClosed = true
      for (const progress of compactions) stopCompaction(progress)
      await Promise.allSettled(running)
    },
  }
}
