// The steps at which tests can interrupt storage, in one table. Runs wherever storage writes. A test passes `at`, which
// kills the process, fails or waits at a step; production passes none. After a crash between any two steps a directory
// must open again with everything acknowledged in it.

export const faultSteps = {
  segmentDirectoryCreated: 'The directory of a new segment exists; no environment in it.',
  segmentMetaCommitted: 'Its environment and first row exist; the directory entry is not flushed.',
  segmentSynced: 'The new segment survives a power cut; no manifest names it.',
  rollStarted: 'The active segment is full; the next one is there and empty.',
  rollCarried: "The shards' heads and producers are in the next segment; no manifest names it.",
  manifestWritten: 'The new manifest lies in a temporary file, not flushed.',
  manifestSynced: 'The temporary file is flushed.',
  manifestRenamed: 'The new manifest is in place; its name is not flushed.',
  manifestDirectorySynced: 'The new manifest survives a power cut.',
  rollFinished: 'Appends go to the next segment; the old one is still open.',
  commitStarted: 'Numbers are assigned in memory; nothing is written.',
  commitFlushed: 'A commit is on disk; no answer was sent.',
  compactionStarted: 'The directory of a compacted segment exists, under a temporary name.',
  compactionCopied: 'It holds everything to be kept; nothing is verified.',
  compactionSynced: 'It is verified and flushed, under its final name; no manifest names it.',
  replacementStarted: 'The manifest is about to name the compacted segment instead of its sources.',
  replacementListed: 'The new manifest is durable; the sources are still there.',
  removalRenamed: 'A directory to be removed has a name that no start takes for data.',
} as const

export type FaultStep = keyof typeof faultSteps

/** What a test does at a step. Production uses `noFaults`. */
export interface Faults {
  at(step: FaultStep): void | Promise<void>
}

export const noFaults: Faults = { at: () => undefined }
