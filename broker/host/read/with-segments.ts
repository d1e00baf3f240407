// Reading while segments come and go. Host main thread.
// They are rolled, compacted and removed at any time: a read that fails for it says nothing, and is made once more.
import type { SegmentDirectory } from '../shard-table.ts'

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
  const changed = (): boolean => segments.segmentsOf(ownerId) !== before
  try {
    const answer = await read()
    if (good(answer) || !changed()) return answer
  } catch (error) {
    if (!changed()) throw error
  }
  return read()
}
