// One compaction, from the plan to the new segment that replaces its sources. Host main thread; the maintenance thread does
// the work. It can be stopped at any time and then leaves nothing behind. The sources are served until the owner has replaced
// them by the new segment, so a failure here loses no record.
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import type { Logger } from '../../telemetry/log.ts'
import { createProgress, progressOf, stopCompaction } from '../../threads/compaction-progress.ts'
import type { Compacted, SegmentMaintenance } from '../../threads/maintenance-contract.ts'
import type { OwnerCalls, ShardHorizon } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { Time } from '../../time.ts'
import type { CompactionPlan } from './retention-plan.ts'

/** The owner and directory of a compaction. */
export interface CompactionPlace {
  readonly ownerId: number
  readonly directory: string
  readonly replaceSegments: (request: OwnerCalls['replaceSegments']['request']) => Promise<void>
}

export interface CompactionOptions {
  readonly place: CompactionPlace
  readonly plan: CompactionPlan
  /** The horizons of the shards in the sources: records below them are left out. */
  readonly wanted: readonly ShardHorizon[]
  readonly bytesPerSecond: number
  readonly maintenance: Pick<SegmentMaintenance, 'compact'>
  readonly time: Time
  readonly log: Logger
}

/** How a compaction ended, and what it freed. Unless it is `done`, it changed nothing. */
export interface CompactionResult {
  readonly result: 'done' | 'stopped' | ErrorCode
  readonly freedBytes: number
}

export class Compaction {
  readonly ownerId: number
  readonly sources: ReadonlySet<string>
  readonly #options: CompactionOptions
  readonly #progress = createProgress()

  constructor(options: CompactionOptions) {
    this.#options = options
    this.ownerId = options.place.ownerId
    this.sources = new Set(options.plan.sources)
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return progressOf(this.#progress).bytesRead
  }

  get bytesWritten(): number {
    return progressOf(this.#progress).bytesWritten
  }

  /** The part that is done, 0 to 1, by the plan's estimate. */
  get part(): number {
    return Math.min(1, this.bytesWritten / Math.max(1, this.#options.plan.targetBytes))
  }

  /** Asks it to stop soon. It still completes if the owner is replacing the sources already. */
  stop(): void {
    stopCompaction(this.#progress)
  }

  /** Runs the compaction. Rejects only with a broken invariant. */
  async run(): Promise<CompactionResult> {
    const { plan, place, time } = this.#options
    const log = this.#options.log.child({ ownerId: place.ownerId })
    const { sources, fileBytes, targetBytes } = plan
    const started = time.elapsed()
    const seconds = (): number => Math.round((time.elapsed() - started) / 100) / 10
    log.info({ sources, bytes: fileBytes, liveBytes: targetBytes }, 'a compaction starts')
    const stopTelling = time.every(hostLimits.compactionLogMs, () => {
      const { bytesRead, bytesWritten } = this
      const percent = Math.round(this.part * 100)
      log.info({ bytesRead, bytesWritten, percent, seconds: seconds() }, 'a compaction goes on')
    })
    try {
      const { target, fileBytes: bytes } = await this.#compact()
      await place.replaceSegments({ sources, target })
      const freedBytes = fileBytes - bytes
      log.info({ target, bytes, freedBytes, seconds: seconds() }, 'a compaction is done')
      return { result: 'done', freedBytes }
    } catch (error) {
      if (error instanceof InvariantError) throw error
      const code = MillraceError.is(error) ? error.code : 'internal'
      if (code === 'aborted') log.info({ sources, seconds: seconds() }, 'a compaction was stopped')
      else log.warn({ err: error, sources, seconds: seconds() }, 'a compaction failed: its sources stay')
      return { result: code === 'aborted' ? 'stopped' : code, freedBytes: 0 }
    } finally {
      stopTelling()
    }
  }

  #compact(): Promise<Compacted> {
    const { plan, place, wanted, bytesPerSecond, maintenance } = this.#options
    return maintenance.compact({
      directory: place.directory,
      ownerId: place.ownerId,
      sources: plan.sources,
      shards: wanted,
      bytesPerSecond,
      progress: this.#progress,
    })
  }
}
