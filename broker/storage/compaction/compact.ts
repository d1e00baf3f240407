// Copies the kept batches of some sealed segments into one new segment. Runs on the maintenance thread. The sources are
// only read; the owner removes them after its manifest names the new segment in their place. Any failure, damage above
// all, ends the compaction with an error code and leaves no file behind.
import { arrivalTimeAt } from '../../../protocol/batch/batch.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { storageFailure } from '../../channels/failure.ts'
import type { Compacted, CompactTask } from '../../threads/maintenance-contract.ts'
import type { Faults } from '../disk/faults.ts'
import type { OpenEnvironment } from '../environment.ts'
import { encodeKey, encodeRow, type HeadRow } from '../rows/key-space.ts'
import { readManifest } from '../segments/manifest.ts'
import { compactedName, planReplacement } from '../segments/replacement.ts'
import { formatSegmentName, type SegmentName } from '../segments/segment-name.ts'
import { segmentFault } from '../segments/segment.ts'
import { KeptShard, type NewestHead } from './kept-shard.ts'
import { Pacer } from './pacing.ts'
import { CompactionSource } from './source.ts'
import { CompactionTarget } from './target.ts'
import { compactionFault } from './verify.ts'
import type { Clock } from '../../time.ts'

export interface CompactionParts {
  readonly openEnvironment: OpenEnvironment
  readonly faults: Faults
  /** Milliseconds since 1970. */
  readonly now: Clock
  /** Milliseconds of a monotonic clock. */
  readonly elapsed: Clock
  readonly sleep: (ms: number) => Promise<void>
}

/** Like `SegmentMaintenance.compact`, but rejects with the original error. */
export async function compactSegments(
  task: Omit<CompactTask, 'task'>,
  parts: CompactionParts,
): Promise<Compacted> {
  const { directory, ownerId } = task
  const { openEnvironment, faults } = parts
  const names = await listedSources(task)
  const name = compactedName(names)
  const sources: CompactionSource[] = []
  let target: CompactionTarget | undefined
  try {
    for (const source of names) {
      sources.push(await CompactionSource.open({ directory, ownerId, openEnvironment }, source))
    }
    const bytesMax = sources.reduce((sum, source) => sum + source.bytes, 0)
    const place = { directory, ownerId, name, openEnvironment, faults }
    target = await CompactionTarget.create(place, { bytesMax, createdAt: parts.now() })
    return await new SegmentRewrite(task, parts, sources, target).run(name)
  } catch (error) {
    // A later attempt, or the next start, removes what cannot be removed now.
    await target?.discard().catch(() => undefined)
    throw error
  } finally {
    for (const source of sources) await source.close()
  }
}

/** Returns the sources' names. Rejects unless the manifest lists them: a target in use must not be made again. */
async function listedSources({ directory, sources }: Omit<CompactTask, 'task'>): Promise<SegmentName[]> {
  const manifest = await readManifest(directory)
  if (manifest !== undefined) return [...planReplacement(manifest, { sources, target: null }).sources]
  throw refusal('invalidArgument', `${directory} has no segments.`)
}

class SegmentRewrite {
  readonly #task: Omit<CompactTask, 'task'>
  readonly #sources: readonly CompactionSource[]
  readonly #target: CompactionTarget
  readonly #pacer: Pacer
  readonly #heads = new Map<number, HeadRow>()
  #batches = 0
  #timeRows = 0

  constructor(
    task: Omit<CompactTask, 'task'>,
    parts: CompactionParts,
    sources: readonly CompactionSource[],
    target: CompactionTarget,
  ) {
    this.#task = task
    this.#sources = sources
    this.#target = target
    const { bytesPerSecond, progress } = task
    this.#pacer = new Pacer({ bytesPerSecond, progress, elapsed: parts.elapsed, sleep: parts.sleep })
  }

  async run(name: SegmentName): Promise<Compacted> {
    // In order of slots: records that are read together then lie together, and rising keys fill their pages.
    for (const shard of this.#task.shards.toSorted((a, b) => a.slot - b.slot)) await this.#copyShard(shard)
    await this.#flush()
    const content = { heads: this.#heads, batches: this.#batches, timeRows: this.#timeRows }
    const fileBytes = await this.#target.finish(async (environment) => {
      const fault =
        segmentFault(environment, this.#task.ownerId, name) ??
        (await compactionFault(environment, content, async (bytes) => {
          this.#pacer.read(bytes)
          await this.#pacer.keep()
        }))
      if (fault === undefined) return
      throw new Error(
        `${formatSegmentName(name)} was written, and what is on disk is something else: ${fault}.`,
      )
    })
    return { target: formatSegmentName(name), fileBytes, batches: this.#batches }
  }

  async #copyShard({ slot, trimHorizon }: { slot: number; trimHorizon: number }): Promise<void> {
    this.#pacer.throwIfStopped()
    const kept = new KeptShard(trimHorizon)
    let newest: NewestHead | undefined
    for (const source of this.#sources) {
      const head = source.headOf(slot)
      if (head === undefined) continue
      newest = { head, isLast: source === this.#sources.at(-1) }
      if (kept.next !== undefined && kept.next !== head.first) {
        throw storageFailure(
          'corruptData',
          `Slot ${slot}: the numbers from ${kept.next} to ${head.first} are missing.`,
        )
      }
      for (const { base, batch } of source.batchesFrom(trimHorizon, slot, head)) {
        this.#pacer.read(batch.length)
        this.#putBatch(slot, base, batch, kept.add(base, batch))
        if (this.#target.isDue) await this.#flush()
      }
    }
    const head = newest && kept.headFrom(newest)
    if (head !== undefined) this.#putHead(slot, head)
    if (this.#target.isDue) await this.#flush()
  }

  #putBatch(slot: number, base: number, batch: Uint8Array, isIndexed: boolean): void {
    this.#target.put(encodeKey('batch', slot, base), batch)
    this.#batches++
    if (!isIndexed) return
    const key = encodeKey('time', slot, arrivalTimeAt(batch, 0))
    this.#target.put(key, encodeRow('time', key, { base }))
    this.#timeRows++
  }

  #putHead(slot: number, head: HeadRow): void {
    const key = encodeKey('head', slot)
    this.#target.put(key, encodeRow('head', key, head))
    this.#heads.set(slot, head)
  }

  async #flush(): Promise<void> {
    this.#pacer.wrote(await this.#target.flush())
    await this.#pacer.keep()
  }
}
