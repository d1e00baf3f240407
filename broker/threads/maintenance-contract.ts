// What a host asks of its maintenance thread: surveys and compaction of sealed segments. The thread is separate from
// the reader pool, so that neither waits for the other. Types only.

/** A shard's extent in one sealed segment. */
export interface SegmentSpan {
  readonly slot: number
  /** Numbers from `first` up to, not including, `next`; equal if the shard has no records here. */
  readonly first: number
  readonly next: number
  readonly firstArrival: number
  readonly lastArrival: number
  /** Bytes of the shard's batches here. */
  readonly bytes: number
}

export interface SurveyTask {
  readonly task: 'survey'
  readonly directory: string
  readonly segment: string
}

/** What a sealed segment holds. It never changes, so it may be cached while the segment is listed. */
export interface Survey {
  readonly segment: string
  /** Size of the segment's file. */
  readonly fileBytes: number
  readonly spans: readonly SegmentSpan[]
}

export interface CompactTask {
  readonly task: 'compact'
  readonly directory: string
  readonly ownerId: number
  /** Names of neighbouring sealed segments, oldest first. */
  readonly sources: readonly string[]
  /** The shards to keep: of each, the batches that hold its trim horizon or lie above it. Other shards are left out. */
  readonly shards: readonly { readonly slot: number; readonly trimHorizon: number }[]
  readonly bytesPerSecond: number
  /**
   * Shared with the host. Word 0: the host sets it to 1 to stop. Words 1 and 2, raised by the thread: KiB read and KiB
   * written so far.
   */
  readonly progress: SharedArrayBuffer
}

/** A complete, flushed and verified segment that no manifest names. */
export interface Compacted {
  readonly target: string
  readonly fileBytes: number
  readonly batches: number
}

/**
 * The maintenance thread, or the same functions in the caller's thread. A refused task rejects with a MillraceError and
 * leaves nothing behind.
 */
export interface SegmentMaintenance {
  survey(task: Omit<SurveyTask, 'task'>): Promise<Survey>
  /** Rejects with `aborted` when stopped, `storageFull` if the disk is full, `corruptData` if a source is damaged. */
  compact(task: Omit<CompactTask, 'task'>): Promise<Compacted>
  /** Stops running tasks and waits for them. */
  close(): Promise<void>
}
