// The memory that a compaction shares with whoever asked for it. Runs on both sides: a host's main thread stops it and shows
// how far it is, the maintenance thread looks and counts. Three words, each written by one side alone.

/** Set to 1 by whoever asked. */
const STOP = 0
/** Raised by the thread. */
const KIB_READ = 1
const KIB_WRITTEN = 2
const WORDS = 3

const KIB = 1024

/** Memory for one compaction. */
export function createProgress(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)
}

/** Asks a compaction to stop; it rejects with `aborted`, unless it was just done. */
export function stopCompaction(progress: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(progress), STOP, 1)
}

export function isStopped(progress: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(progress), STOP) !== 0
}

/** Shows how far a compaction is. */
export function showProgress(
  progress: SharedArrayBuffer,
  { bytesRead, bytesWritten }: { bytesRead: number; bytesWritten: number },
): void {
  const words = new Int32Array(progress)
  Atomics.store(words, KIB_READ, Math.floor(bytesRead / KIB))
  Atomics.store(words, KIB_WRITTEN, Math.floor(bytesWritten / KIB))
}

/** How far a compaction is, in bytes. */
export function progressOf(progress: SharedArrayBuffer): { bytesRead: number; bytesWritten: number } {
  const words = new Int32Array(progress)
  return {
    bytesRead: Atomics.load(words, KIB_READ) * KIB,
    bytesWritten: Atomics.load(words, KIB_WRITTEN) * KIB,
  }
}
