// Reading while segments come and go. Host main thread.
// They are rolled, compacted and removed at any time: a read that fails for it says nothing, and is made once more.
import { setImmediate } from 'node:timers/promises'
import type { SegmentList } from '../../threads/owner-contract.ts'

/** Where the records of an owner lie, for reads that do not go through it. */
export interface SegmentDirectory {
  segmentsOf(ownerId: number): SegmentList
}

/**
 * Reads an owner's segments. Where the read fails, or its answer is not `good`, and the list of segments has changed
 * meanwhile, it is made once more; what comes of that is the answer. `read` takes the list that holds when it begins.
 */
export async function withSegments<T>(
  segments: SegmentDirectory,
  ownerId: number,
  read: () => Promise<T>,
  good: (answer: T) => boolean = () => true,
): Promise<T> {
  const before = segments.segmentsOf(ownerId)
  const changed = async (): Promise<boolean> => {
    // The owner has told of it before anything was gone, but to another port: it may be taken later in this same turn.
    await setImmediate()
    return segments.segmentsOf(ownerId) !== before
  }
  try {
    const answer = await read()
    if (good(answer) || !(await changed())) return answer
  } catch (error) {
    if (!(await changed())) throw error
  }
  return read()
}
