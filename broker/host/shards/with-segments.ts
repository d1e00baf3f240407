// Reads segments while they change. Host main thread.
// Segments are rolled, compacted and removed at any time. A read that fails because of that proves nothing, so it is repeated.
import { setImmediate } from 'node:timers/promises'
import type { SegmentList } from '../../threads/owner-contract.ts'

/** The segment lists of owners, for reads that do not go through the owner. */
export interface SegmentDirectory {
  segmentsOf(ownerId: number): SegmentList
}

/**
 * Reads an owner's segments with `read`, which gets the list at its start. If the read fails or its answer is not `good`, and
 * the list has changed meanwhile, it is repeated once, and the second outcome is returned.
 */
export async function withSegments<T>(
  segments: SegmentDirectory,
  ownerId: number,
  read: () => Promise<T>,
  good: (answer: T) => boolean = () => true,
): Promise<T> {
  const before = segments.segmentsOf(ownerId)
  const changed = async (): Promise<boolean> => {
    // The owner's notice of the change came before the removal, but on another port, and may be handled later in this turn.
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
