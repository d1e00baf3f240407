// What a host asks of its maintenance thread: surveys of sealed segments and compaction, beside the readers, so that
// neither waits for the other. Types only.

/** Where a shard lies in one sealed segment. */
export interface SegmentSpan {
  readonly slot: number
  /** Numbers first … next; equal where the shard has nothing here. */
  readonly first: number
  readonly next: number
  readonly firstArrival: number
  readonly lastArrival: number
  /** Bytes of its batches. */
  readonly bytes: number
}

export interface SurveyTask {
  readonly task: 'survey'
  readonly directory: string
  readonly segment: string
}

/** Immutable, as the segment is: it may be remembered for as long as the segment is listed. */
export interface Survey {
  readonly segment: string
  /** Bytes that the segment takes on the disk. */
  readonly fileBytes: number
  readonly spans: readonly SegmentSpan[]
}

export interface CompactTask {
  readonly task: 'compact'
  readonly directory: string
  readonly ownerId: number
  /** Sealed segments that follow on each other, oldest first. */
  readonly sources: readonly string[]
  /** What is kept: of each of these shards, the batches that hold its horizon or lie above it. Others are left out. */
  readonly shards: readonly { readonly slot: number; readonly trimHorizon: number }[]
  readonly bytesPerSecond: number
  /**
   * Shared with whoever asked: word 0 is set to 1 by them to stop; words 1 and 2 are raised by the thread: KiB read so far,
   * KiB written so far.
   */
  readonly progress: SharedArrayBuffer
}

/** A segment that is complete, flushed, verified and named by no manifest. */
export interface Compacted {
  readonly target: string
  readonly fileBytes: number
  readonly batches: number
}

/** The thread, or the same functions in the caller's. What is refused rejects with a MillraceError and leaves nothing behind. */
export interface SegmentMaintenance {
  survey(task: Omit<SurveyTask, 'task'>): Promise<Survey>
  /** Rejects with `aborted` when it was told to stop, `storageFull` when the disk is, `corruptData` when a source is damaged. */
  compact(task: Omit<CompactTask, 'task'>): Promise<Compacted>
  /** Stops what runs. */
  close(): Promise<void>
}
