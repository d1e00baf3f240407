// Surveys and compaction of segments that exist only as surveys.
// A test decides what a survey answers, and how and when a compaction ends, and checks the calls that were made.
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { isStopped } from '../../../../broker/threads/compaction-progress.ts'
import type {
  Compacted,
  CompactTask,
  SegmentMaintenance,
  SegmentSpan,
  Survey,
} from '../../../../broker/threads/maintenance-contract.ts'

export class MemoryMaintenance implements SegmentMaintenance {
  /** The survey of each segment, by name. */
  readonly segments = new Map<string, Survey>()
  readonly surveyed: string[] = []
  readonly compactions: Omit<CompactTask, 'task'>[] = []
  /** Awaited before a compaction ends. A test sets it to decide when that is; the compaction fails if it rejects. */
  beforeEnd: (task: Omit<CompactTask, 'task'>) => Promise<void> = () => Promise.resolve()
  closed = false

  /** Adds a sealed segment with these spans. */
  put(segment: string, spans: readonly SegmentSpan[]): void {
    const fileBytes = spans.reduce((sum, { bytes }) => sum + bytes, 0)
    this.segments.set(segment, { segment, fileBytes, spans })
  }

  survey({ segment }: { segment: string }): Promise<Survey> {
    this.surveyed.push(segment)
    const survey = this.segments.get(segment)
    return survey
      ? Promise.resolve(survey)
      : Promise.reject(new MillraceError('corruptData', `${segment} cannot be read`))
  }

  async compact(task: Omit<CompactTask, 'task'>): Promise<Compacted> {
    this.compactions.push(task)
    await this.beforeEnd(task)
    if (isStopped(task.progress)) throw new MillraceError('aborted', 'stopped')
    const target = `${task.sources.at(-1)}-1`
    this.put(
      target,
      keptOf(
        task,
        task.sources.map((source) => this.segments.get(source)!),
      ),
    )
    return { target, fileBytes: this.segments.get(target)!.fileBytes, batches: 1 }
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }
}

/** Returns what a compaction keeps of its sources, if every number has the same size. */
function keptOf({ shards }: Omit<CompactTask, 'task'>, sources: readonly Survey[]): SegmentSpan[] {
  const horizons = new Map(shards.map(({ slot, trimHorizon }) => [slot, trimHorizon]))
  const kept = new Map<number, SegmentSpan>()
  for (const span of sources.flatMap(({ spans }) => spans)) {
    const first = Math.max(span.first, horizons.get(span.slot) ?? span.next)
    if (first >= span.next) continue
    const bytes = (span.bytes * (span.next - first)) / (span.next - span.first)
    const before = kept.get(span.slot)
    kept.set(
      span.slot,
      before
        ? { ...span, first: before.first, firstArrival: before.firstArrival, bytes: before.bytes + bytes }
        : { ...span, first, bytes },
    )
  }
  return [...kept.values()]
}
