// Memory that a compaction shares with its host. Runs on both sides: the host's main thread sets the stop word and
// reads the progress; the maintenance thread reads the stop word and writes the progress. Each of the three words has
// one writer.

/** Set to 1 by the host. */
const STOP = 0
/** Raised by the maintenance thread. */
const KIB_READ = 1
const KIB_WRITTEN = 2
const WORDS = 3

const KIB = 1024

/** Memory for the progress of one compaction. */
export function createProgress(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)
}

/** Asks a compaction to stop: it rejects with `aborted`, unless it has just finished. */
export function stopCompaction(progress: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(progress), STOP, 1)
}

export function isStopped(progress: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(progress), STOP) !== 0
}

/** Publishes a compaction's progress, in bytes. */
export function showProgress(
  progress: SharedArrayBuffer,
  { bytesRead, bytesWritten }: { bytesRead: number; bytesWritten: number },
): void {
  const words = new Int32Array(progress)
  Atomics.store(words, KIB_READ, Math.floor(bytesRead / KIB))
  Atomics.store(words, KIB_WRITTEN, Math.floor(bytesWritten / KIB))
}

/** A compaction's progress, in bytes. */
export function progressOf(progress: SharedArrayBuffer): { bytesRead: number; bytesWritten: number } {
  const words = new Int32Array(progress)
  return {
    bytesRead: Atomics.load(words, KIB_READ) * KIB,
    bytesWritten: Atomics.load(words, KIB_WRITTEN) * KIB,
  }
}
